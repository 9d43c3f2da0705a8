//! Reads configuration files into an [`Environment`], and reports all mistakes at once.
//!
//! The TOML is walked by hand rather than through serde, which would stop at the first
//! mistake. Unknown keys are mistakes; so are the parts of the format (builds spec,
//! 4.2) that later versions have: they are named as such.

mod builder;
mod host;
mod reader;
mod values;

use std::collections::BTreeMap;

use toml::de::DeTable;

use crate::builder::Builder;
use crate::environment::Environment;
use crate::error::{Errors, Mistake};
use crate::host::Host;
use crate::id::{BuilderName, HostName};
use crate::source::{Lines, Place, SourceFile};
use reader::{Keys, Reader, Section};

/// The most files that one environment may have.
const FILES_MAX: usize = 1024;
/// The most bytes that a file may have.
const FILE_BYTES_MAX: usize = 256 << 10;
/// The most TOML errors that one file reports; after a few they only echo the first.
const SYNTAX_ERRORS_MAX: usize = 10;

const FILE: Keys = Keys {
    here: &["host", "builder"],
    later: &[
        "template",
        "policy",
        "test_policy",
        "project",
        "stream",
        "trybot_set",
        "platform",
        "pool",
    ],
};

/// Reads files into an environment. Merging is by id, whatever file it is in, so the order
/// of the files doesn't matter.
///
/// # Errors
///
/// All mistakes of all files, in the order of path and line. Of a file that is no TOML
/// only that is reported.
pub fn parse(files: &[SourceFile]) -> Result<Environment, Errors> {
    let mut files: Vec<&SourceFile> = files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut errors = Errors::default();
    let mut declared = Declared::default();
    for (index, file) in files.iter().enumerate() {
        if index == FILES_MAX {
            let too_many = Mistake::TooMany {
                what: "the environment".to_owned(),
                found: files.len(),
                unit: "files",
                max: FILES_MAX,
            };
            errors.push(Lines::of(file).place(0), too_many);
            declared.partial = true;
            break;
        }
        read_file(file, &mut declared, &mut errors);
    }
    declared.check_hosts(&mut errors);
    if errors.is_empty() {
        Ok(declared.into_environment())
    } else {
        errors.sort();
        Err(errors)
    }
}

/// What the files declare, with the place of each id.
#[derive(Default)]
struct Declared {
    /// `None` where the declaration itself is wrong: the name is known all the same.
    hosts: BTreeMap<HostName, (Place, Option<Host>)>,
    builders: BTreeMap<BuilderName, (Place, Option<Builder>)>,
    /// Where a builder names its host.
    uses: Vec<(BuilderName, HostName, Place)>,
    /// Whether a file couldn't be read, so that declarations may be missing.
    partial: bool,
}

impl Declared {
    /// Finds builders whose host nobody declares.
    fn check_hosts(&self, errors: &mut Errors) {
        if self.partial {
            return;
        }
        for (builder, host, at) in &self.uses {
            if *host == HostName::local() || self.hosts.contains_key(host) {
                continue;
            }
            let mut known: Vec<String> = self.hosts.keys().map(ToString::to_string).collect();
            if !known.iter().any(|name| name == HostName::local().as_str()) {
                known.push(HostName::local().to_string());
            }
            let mistake = Mistake::UnknownHost {
                builder: builder.to_string(),
                host: host.to_string(),
                known,
            };
            errors.push(at.clone(), mistake);
        }
    }

    fn into_environment(self) -> Environment {
        let hosts = self.hosts.into_iter();
        let builders = self.builders.into_iter();
        Environment::new(
            hosts
                .filter_map(|(name, (_, host))| Some((name, host?)))
                .collect(),
            builders
                .filter_map(|(name, (_, builder))| Some((name, builder?)))
                .collect(),
        )
    }
}

fn read_file(file: &SourceFile, declared: &mut Declared, errors: &mut Errors) {
    let lines = Lines::of(file);
    if file.text.len() > FILE_BYTES_MAX {
        let too_large = Mistake::TooMany {
            what: "the file".to_owned(),
            found: file.text.len(),
            unit: "bytes",
            max: FILE_BYTES_MAX,
        };
        errors.push(lines.place(0), too_large);
        declared.partial = true;
        return;
    }
    let (document, mut syntax) = DeTable::parse_recoverable(&file.text);
    if !syntax.is_empty() {
        declared.partial = true;
        syntax.sort_by_key(|error| error.span().map_or(0, |span| span.start));
        for error in syntax.iter().take(SYNTAX_ERRORS_MAX) {
            let at = error.span().map_or(0, |span| span.start);
            let problem = error.message().to_owned();
            errors.push(lines.place(at), Mistake::Syntax { problem });
        }
        return;
    }
    let mut reader = Reader { lines, errors };
    let top = Section {
        name: "the file".to_owned(),
        entries: document.get_ref(),
        at: 0,
    };
    reader.check_keys(&top, &FILE);
    read_hosts(&mut reader, &top, declared);
    read_builders(&mut reader, &top, declared);
}

fn read_hosts(reader: &mut Reader<'_>, top: &Section<'_>, declared: &mut Declared) {
    for (name, section) in reader.sections(top, "host", "[host.local]") {
        let host = host::read(reader, &section);
        let Some(name) = reader.id::<HostName>(&name) else {
            continue;
        };
        let at = reader.lines.place(section.at);
        match declared.hosts.get(&name) {
            Some((first, _)) => reader.duplicate(section.at, "host", name.as_str(), first),
            None => drop(declared.hosts.insert(name, (at, host))),
        }
    }
}

fn read_builders(reader: &mut Reader<'_>, top: &Section<'_>, declared: &mut Declared) {
    for (name, section) in reader.sections(top, "builder", "[builder.quick]") {
        let name = reader.id::<BuilderName>(&name);
        let read = builder::read(reader, &section, name.as_ref());
        let Some(name) = name else { continue };
        let at = reader.lines.place(section.at);
        if let Some((host, at)) = read.host {
            let at = reader.lines.place(at);
            declared.uses.push((name.clone(), host, at));
        }
        match declared.builders.get(&name) {
            Some((first, _)) => reader.duplicate(section.at, "builder", name.as_str(), first),
            None => drop(declared.builders.insert(name, (at, read.builder))),
        }
    }
}
