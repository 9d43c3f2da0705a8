//! The rows of the result, as a table for people and as JSON. Pure, but for the output.

use anyhow::Result;
use serde_json::{Map, Value, json};
use std::io::Write;

use super::machine::Machine;
use super::sample::short;
use crate::commands::stdout;

/// One measured thing beside its peer.
#[derive(Debug)]
pub(super) struct Row {
    /// Such as `decode`.
    pub(super) what: &'static str,
    /// Such as `1 KB records`.
    pub(super) case: String,
    /// What was measured: name, value, unit. The first are ours.
    pub(super) ours: Vec<Figure>,
    /// The bare work, in words, and its figures.
    pub(super) peer: (&'static str, Vec<Figure>),
    /// Ours beside the peer's.
    pub(super) ratio: Option<Figure>,
    /// What is asked for, in words, and whether it is met.
    pub(super) target: Option<(&'static str, bool)>,
}

/// One number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    /// Such as `p50`; empty if the unit says it all.
    pub(super) name: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
}

/// A figure.
pub(super) const fn figure(name: &'static str, value: f64, unit: &'static str) -> Figure {
    Figure { name, value, unit }
}

impl Row {
    pub(super) fn as_json(&self) -> Value {
        json!({
            "what": self.what,
            "case": self.case,
            "ours": object(&self.ours),
            "peer": { "what": self.peer.0, "figures": object(&self.peer.1) },
            "ratio": self.ratio.map(|ratio| json!({ "of": ratio.name, "value": ratio.value, "unit": ratio.unit })),
            "target": self.target.map(|(text, met)| json!({ "text": text, "met": met })),
        })
    }

    fn cells(&self) -> [String; 6] {
        let (peer, figures) = &self.peer;
        let mut beside = (*peer).to_owned();
        if !figures.is_empty() {
            beside = format!("{beside}: {}", text(figures));
        }
        let target = self.target.map(|(text, met)| {
            let met = if met { "met" } else { "MISSED" };
            format!("{text}: {met}")
        });
        [
            self.what.to_owned(),
            self.case.clone(),
            text(&self.ours),
            beside,
            self.ratio.map(|ratio| text(&[ratio])).unwrap_or_default(),
            target.unwrap_or_default(),
        ]
    }
}

fn object(figures: &[Figure]) -> Value {
    let members = figures.iter().map(|figure| {
        let Figure { name, value, unit } = figure;
        let key = [*name, *unit].join(" ");
        (key.trim().to_owned(), json!(value))
    });
    Value::Object(Map::from_iter(members))
}

fn text(figures: &[Figure]) -> String {
    let one = |figure: &Figure| {
        let Figure { name, value, unit } = figure;
        let space = if ["×", "%"].contains(unit) { "" } else { " " };
        format!("{name} {}{space}{unit}", short(*value))
            .trim()
            .to_owned()
    };
    figures.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Prints what was measured and on which machine, for people or as JSON.
pub(super) fn write_report(machine: &Machine, rows: &[Row], as_json: bool) -> Result<()> {
    let mut out = stdout();
    if as_json {
        let rows: Vec<_> = rows.iter().map(Row::as_json).collect();
        let report = json!({ "machine": machine.as_json(), "rows": rows });
        writeln!(out, "{report:#}")?;
    } else {
        machine.write_text(&mut out)?;
        write_table(rows, &mut out)?;
    }
    out.flush()?;
    Ok(())
}

/// Writes a table that is Markdown too.
fn write_table(rows: &[Row], out: &mut impl Write) -> std::io::Result<()> {
    let head = ["", "case", "forgelog", "beside", "ratio", "target"].map(str::to_owned);
    let cells: Vec<[String; 6]> = rows.iter().map(Row::cells).collect();
    let all = || std::iter::once(&head).chain(&cells);
    let widths: [usize; 6] = std::array::from_fn(|at| {
        let lengths = all().map(|cells| cells[at].chars().count());
        lengths.max().unwrap_or(0)
    });
    writeln!(out)?;
    for (number, cells) in all().enumerate() {
        for (cell, width) in cells.iter().zip(widths) {
            write!(out, "| {cell:width$} ")?;
        }
        writeln!(out, "|")?;
        if number == 0 {
            for width in widths {
                write!(out, "|{}", "-".repeat(width + 2))?;
            }
            writeln!(out, "|")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            what: "decode",
            case: "1 KB records".to_owned(),
            ours: vec![figure("", 12.34, "GB/s")],
            peer: ("memcpy", vec![figure("", 10.0, "GB/s")]),
            ratio: Some(figure("", 123.4, "%")),
            target: Some(("≥ 40 %", true)),
        }
    }

    #[test]
    fn the_table_is_aligned_markdown() -> std::io::Result<()> {
        let mut out = Vec::new();
        write_table(&[row()], &mut out)?;
        let text = String::from_utf8_lossy(&out);
        let expected = "
|        | case         | forgelog  | beside            | ratio | target      |
|--------|--------------|-----------|-------------------|-------|-------------|
| decode | 1 KB records | 12.3 GB/s | memcpy: 10.0 GB/s | 123%  | ≥ 40 %: met |
";
        assert_eq!(text, expected);
        Ok(())
    }

    #[test]
    fn json_has_the_numbers_as_they_are() {
        let json = row().as_json();
        assert_eq!(json["ours"]["GB/s"], 12.34);
        assert_eq!(json["target"]["met"], true);
        assert_eq!(json["peer"]["what"], "memcpy");
    }
}
