//! `forgelog log verify`: checks every object of streams. Depends on `log_core::verify_with`.

use anyhow::Result;
use clap::Args;
use log_core::{Report, verify_with};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

use super::source::Any;
use super::with_exit_codes;
use crate::commands::progress::Progress;

/// Read everything and check it: digests, framing, and that nothing lies about. Exit code 1 if something is wrong.
#[derive(Debug, Args)]
#[command(after_help = with_exit_codes("\
Examples:
  forgelog log verify --data .forgelog
  forgelog log verify --log file:///srv/log --json"))]
pub(in crate::commands) struct Arguments {
    #[command(flatten)]
    log: Any,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<ExitCode> {
        let mut reports = Vec::new();
        for stream in self.log.streams().await?.0 {
            let mut progress = Progress::new("verifying");
            let report = verify_with(&stream, |done, total| progress.at(done, Some(total))).await?;
            reports.push((stream.name().to_owned(), report));
        }
        if self.json {
            writeln!(out, "{}", as_json(&reports))?;
        } else {
            for (name, report) in &reports {
                write_text(name, report, out)?;
            }
        }
        let sound = reports.iter().all(|(_, report)| report.faults.is_empty());
        Ok(if sound {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// In this order of fields, on one line.
fn as_json(reports: &[(String, Report)]) -> String {
    let total =
        |count: fn(&Report) -> u64| reports.iter().map(|(_, report)| count(report)).sum::<u64>();
    let faults: Vec<Value> = reports
        .iter()
        .flat_map(|(stream, report)| {
            report.faults.iter().map(move |fault| {
                json!({
                    "stream": stream,
                    "at": fault.at.to_string(),
                    "object": fault.object,
                    "kind": fault.kind.name(),
                    "what": fault.what,
                })
            })
        })
        .collect();
    let (segments, records, bytes) = (
        total(|report| report.segments),
        total(|report| report.records),
        total(|report| report.bytes),
    );
    let faults = Value::Array(faults);
    format!(r#"{{"segments":{segments},"records":{records},"bytes":{bytes},"faults":{faults}}}"#)
}

fn write_text(name: &str, report: &Report, out: &mut impl Write) -> Result<()> {
    let Report {
        segments,
        records,
        bytes,
        faults,
        ..
    } = report;
    let verdict = if faults.is_empty() {
        "sound".to_owned()
    } else {
        format!("{} faults", faults.len())
    };
    writeln!(
        out,
        "{name}: {segments} segments, {records} records, {bytes} bytes: {verdict}"
    )?;
    for fault in faults {
        writeln!(
            out,
            "{name}: {}: {}: {} ({})",
            fault.at, fault.object, fault.what, fault.kind
        )?;
    }
    Ok(())
}
