//! `forgelog log verify`: checks every object of the streams. Depends on `log_core::verify`.

use anyhow::Result;
use log_core::{Report, verify};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

use crate::data_folder::{DataFolder, STREAMS};

pub(super) async fn run(folder: &DataFolder, json: bool, out: &mut impl Write) -> Result<ExitCode> {
    let mut reports = Vec::new();
    for name in STREAMS {
        reports.push((name, verify(&folder.stream(name).await?).await?));
    }
    if json {
        writeln!(out, "{:#}", as_json(&reports))?;
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

fn as_json(reports: &[(&str, Report)]) -> Value {
    let total =
        |count: fn(&Report) -> u64| reports.iter().map(|(_, report)| count(report)).sum::<u64>();
    let faults: Vec<Value> = reports
        .iter()
        .flat_map(|(stream, report)| {
            report.faults.iter().map(move |fault| {
                json!({ "stream": stream, "at": fault.at.to_string(), "object": fault.object, "what": fault.what })
            })
        })
        .collect();
    json!({
        "segments": total(|report| report.segments),
        "records": total(|report| report.records),
        "bytes": total(|report| report.bytes),
        "faults": faults,
    })
}

fn write_text(name: &str, report: &Report, out: &mut impl Write) -> Result<()> {
    let Report {
        segments,
        records,
        bytes,
        faults,
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
            "{name}: {}: {}: {}",
            fault.at, fault.object, fault.what
        )?;
    }
    Ok(())
}
