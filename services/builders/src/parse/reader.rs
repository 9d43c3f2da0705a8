//! Takes typed values out of a TOML table, and notes where one isn't what it should be.
//!
//! A value that is wrong reads as absent after its mistake is noted: one mistake is
//! enough to refuse the whole set, so what stands in for it is never used.

use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Errors, Mistake, shown};
use crate::source::{Lines, Place};

/// The longest key that is worth a guess at what was meant.
const GUESS_MAX: usize = 64;

/// The keys of a table.
pub(super) struct Keys {
    /// Those that are read.
    pub(super) here: &'static [&'static str],
    /// Those of the format that later versions read.
    pub(super) later: &'static [&'static str],
}

/// Reads one file.
pub(super) struct Reader<'a> {
    pub(super) lines: Lines<'a>,
    pub(super) errors: &'a mut Errors,
}

/// A table of the file.
pub(super) struct Section<'a> {
    /// As messages call it: `[builder.quick]`.
    pub(super) name: String,
    pub(super) entries: &'a DeTable<'a>,
    /// Where it begins, in bytes.
    pub(super) at: usize,
}

impl<'a> Section<'a> {
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Where the value under `key` begins, if it is a list of nothing.
    pub(super) fn empty_list(&self, key: &str) -> Option<usize> {
        let value = self.get(key)?;
        let elements = value.get_ref().as_array()?;
        elements.is_empty().then(|| value.span().start)
    }

    fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.entries.get(key)
    }
}

/// A text and where it begins, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) value: &'a str,
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn report(&mut self, at: usize, mistake: Mistake) {
        self.errors.push(self.lines.place(at), mistake);
    }

    /// Notes the mistake of a failed check and goes on without the value.
    pub(super) fn take<T>(&mut self, at: usize, checked: Result<T, Mistake>) -> Option<T> {
        checked.map_err(|mistake| self.report(at, mistake)).ok()
    }

    pub(super) fn duplicate(&mut self, at: usize, what: &'static str, id: &str, first: &Place) {
        let mistake = Mistake::Duplicate {
            what,
            id: id.to_owned(),
            first: first.clone(),
        };
        self.report(at, mistake);
    }

    pub(super) fn missing(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        example: &'static str,
    ) {
        let mistake = Mistake::Missing {
            key,
            table: section.name.clone(),
            example,
        };
        self.report(section.at, mistake);
    }

    pub(super) fn id<T: FromStr<Err = Mistake>>(&mut self, text: &Text<'_>) -> Option<T> {
        self.take(text.at, text.value.parse())
    }

    /// Notes every key that isn't one of `keys`.
    pub(super) fn check_keys(&mut self, section: &Section<'_>, keys: &Keys) {
        for (key, _) in section.entries {
            let name: &str = key.get_ref();
            if keys.here.contains(&name) {
                continue;
            }
            let mistake = if keys.later.contains(&name) {
                let what = format!("`{name}` in {}", section.name);
                Mistake::NotYetHere { what }
            } else {
                Mistake::UnknownKey {
                    key: name.to_owned(),
                    table: section.name.clone(),
                    near: near(name, keys.here),
                    keys: keys.here,
                }
            };
            self.report(key.span().start, mistake);
        }
    }

    /// The tables under `key`, by name: `[host.NAME]` for every NAME. A name's place is also
    /// its table's.
    pub(super) fn sections<'s>(
        &mut self,
        top: &Section<'s>,
        key: &'static str,
        example: &'static str,
    ) -> Vec<(Text<'s>, Section<'s>)> {
        let Some(all) = self.section(top, key, example) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (name, value) in all.entries {
            let at = name.span().start;
            let name: &str = name.get_ref();
            let shown = shown(name);
            match value.get_ref() {
                DeValue::Table(entries) => {
                    let section = Section {
                        name: format!("[{key}.{shown}]"),
                        entries,
                        at,
                    };
                    sections.push((Text { value: name, at }, section));
                }
                other => self.wrong_type(at, format!("`{key}.{shown}`"), other, "a table", example),
            }
        }
        sections
    }

    /// The table under `key`, if there is one.
    pub(super) fn section<'s>(
        &mut self,
        section: &Section<'s>,
        key: &'static str,
        example: &'static str,
    ) -> Option<Section<'s>> {
        let value = section.get(key)?;
        let at = value.span().start;
        match value.get_ref() {
            DeValue::Table(entries) => Some(Section {
                name: format!("{key} of {}", section.name),
                entries,
                at,
            }),
            other => {
                let what = format!("`{key}` in {}", section.name);
                self.wrong_type(at, what, other, "a table", example);
                None
            }
        }
    }

    /// The tables in the list under `key`: `[[builder.quick.step]]`.
    pub(super) fn section_list<'s>(
        &mut self,
        section: &Section<'s>,
        key: &'static str,
        example: &'static str,
    ) -> Vec<Section<'s>> {
        let Some(value) = section.get(key) else {
            return Vec::new();
        };
        let table = section.name.trim_matches(['[', ']']);
        let (name, wanted) = (format!("[[{table}.{key}]]"), "a list of tables");
        let mut sections = Vec::new();
        match value.get_ref() {
            DeValue::Array(elements) => {
                for element in elements {
                    let at = element.span().start;
                    match element.get_ref() {
                        DeValue::Table(entries) => sections.push(Section {
                            name: name.clone(),
                            entries,
                            at,
                        }),
                        other => self.wrong_type(at, name.clone(), other, "a table", example),
                    }
                }
            }
            other => {
                let what = format!("`{key}` in {}", section.name);
                self.wrong_type(value.span().start, what, other, wanted, example);
            }
        }
        sections
    }

    /// The text under `key`, if there is one.
    pub(super) fn text<'s>(
        &mut self,
        section: &Section<'s>,
        key: &'static str,
        example: &'static str,
    ) -> Option<Text<'s>> {
        let value = section.get(key)?;
        self.as_text(value, || format!("`{key}` in {}", section.name), example)
    }

    /// The list of texts under `key`, if there is one: at most `max` of them.
    pub(super) fn texts<'s>(
        &mut self,
        section: &Section<'s>,
        key: &'static str,
        max: usize,
        example: &'static str,
    ) -> Option<Vec<Text<'s>>> {
        let value = section.get(key)?;
        let what = || format!("`{key}` in {}", section.name);
        let DeValue::Array(elements) = value.get_ref() else {
            let wanted = "a list of texts";
            self.wrong_type(value.span().start, what(), value.get_ref(), wanted, example);
            return None;
        };
        self.at_most(value.span().start, what, elements.len(), max);
        let what = || format!("an element of `{key}` in {}", section.name);
        let elements = elements.iter().take(max);
        let texts = elements.filter_map(|element| self.as_text(element, what, example));
        Some(texts.collect())
    }

    /// The texts of a table of free keys, at most `max` of them: `(key, value)`.
    pub(super) fn pairs<'s>(
        &mut self,
        section: &Section<'s>,
        max: usize,
        example: &'static str,
    ) -> Vec<(Text<'s>, Text<'s>)> {
        self.at_most(
            section.at,
            || section.name.clone(),
            section.entries.len(),
            max,
        );
        let mut pairs = Vec::new();
        for (key, value) in section.entries.iter().take(max) {
            let name = Text {
                value: key.get_ref(),
                at: key.span().start,
            };
            let what = || format!("`{}` in {}", shown(name.value), section.name);
            if let Some(value) = self.as_text(value, what, example) {
                pairs.push((name, value));
            }
        }
        pairs
    }

    /// Notes a count over its maximum.
    pub(super) fn at_most(
        &mut self,
        at: usize,
        what: impl Fn() -> String,
        found: usize,
        max: usize,
    ) {
        if found > max {
            let (what, unit) = (what(), "elements");
            self.report(
                at,
                Mistake::TooMany {
                    what,
                    found,
                    unit,
                    max,
                },
            );
        }
    }

    fn as_text<'s>(
        &mut self,
        value: &'s Spanned<DeValue<'_>>,
        what: impl Fn() -> String,
        example: &'static str,
    ) -> Option<Text<'s>> {
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) => Some(Text { value: text, at }),
            other => {
                self.wrong_type(at, what(), other, "a text", example);
                None
            }
        }
    }

    fn wrong_type(
        &mut self,
        at: usize,
        what: String,
        found: &DeValue<'_>,
        wanted: &'static str,
        example: &'static str,
    ) {
        let found = match found {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let mistake = Mistake::WrongType {
            what,
            found,
            wanted,
            example,
        };
        self.report(at, mistake);
    }
}

/// The name that was probably meant, if one is close.
pub(super) fn near(text: &str, names: &[&'static str]) -> Option<&'static str> {
    if text.len() > GUESS_MAX {
        return None;
    }
    let distance = |name: &&'static str| (strsim::osa_distance(text, name), *name);
    let (distance, name) = names.iter().map(distance).min()?;
    let allowed = (text.chars().count() / 3).clamp(1, 2);
    (distance <= allowed).then_some(name)
}
