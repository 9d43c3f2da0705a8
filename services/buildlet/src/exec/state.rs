//! How a command ended, in trailers. The texts are those that Go has for a
//! process state, because callers of the original show them and match on them.

use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus};

use http::{HeaderMap, HeaderValue};
use rustix::process::Signal;

use crate::reply_body::header_text;

/// The trailers that an exec's reply announces. The first is the original's.
pub(super) const TRAILERS: &str = "Process-State, X-Exit-Code, X-Signal, X-Timeout";

/// How a command ended.
#[derive(Debug)]
pub(super) enum End {
    /// It could not be started.
    NotStarted(String),
    /// It ended, or was killed because its time was up.
    Ended { status: ExitStatus, timed_out: bool },
    /// Killed because its time was up, but the kernel does not let go of it.
    Unkillable,
    /// It was started, and then the system would not say how it ended.
    Unknown(io::Error),
}

impl End {
    /// What `Process-State` says: `ok` for success and nothing else.
    pub(super) fn text(&self) -> String {
        match self {
            Self::NotStarted(why) => why.clone(),
            Self::Ended { status, .. } => status_text(*status),
            Self::Unkillable => "still running after signal: killed".into(),
            Self::Unknown(error) => format!("cannot wait for the process: {error}"),
        }
    }

    /// The trailers. `X-Exit-Code` comes with an exit, `X-Signal` (the number)
    /// with death by a signal, `X-Timeout: true` with a passed time limit.
    pub(super) fn trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        trailers.insert("process-state", header_text(&self.text()));
        if let Self::Ended { status, .. } = self {
            if let Some(code) = status.code() {
                trailers.insert("x-exit-code", HeaderValue::from(code));
            }
            if let Some(signal) = status.signal() {
                trailers.insert("x-signal", HeaderValue::from(signal));
            }
        }
        let timed_out = matches!(
            self,
            Self::Unkillable
                | Self::Ended {
                    timed_out: true,
                    ..
                }
        );
        if timed_out {
            trailers.insert("x-timeout", HeaderValue::from_static("true"));
        }
        trailers
    }
}

fn status_text(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "ok".into(),
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => {
            let dumped = if status.core_dumped() {
                " (core dumped)"
            } else {
                ""
            };
            format!("signal: {}{dumped}", signal_name(signal))
        }
        (None, None) => format!("unknown state {status}"),
    }
}

/// A signal in Go's words.
fn signal_name(signal: i32) -> String {
    let name = match Signal::from_named_raw(signal) {
        Some(Signal::HUP) => "hangup",
        Some(Signal::INT) => "interrupt",
        Some(Signal::QUIT) => "quit",
        Some(Signal::ILL) => "illegal instruction",
        Some(Signal::TRAP) => "trace/breakpoint trap",
        Some(Signal::ABORT) => "aborted",
        Some(Signal::BUS) => "bus error",
        Some(Signal::FPE) => "floating point exception",
        Some(Signal::KILL) => "killed",
        Some(Signal::USR1) => "user defined signal 1",
        Some(Signal::SEGV) => "segmentation fault",
        Some(Signal::USR2) => "user defined signal 2",
        Some(Signal::PIPE) => "broken pipe",
        Some(Signal::ALARM) => "alarm clock",
        Some(Signal::TERM) => "terminated",
        Some(Signal::XCPU) => "CPU time limit exceeded",
        Some(Signal::XFSZ) => "file size limit exceeded",
        Some(Signal::SYS) => "bad system call",
        _ => return format!("signal {signal}"),
    };
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(raw: i32, timed_out: bool) -> End {
        let status = ExitStatus::from_raw(raw);
        End::Ended { status, timed_out }
    }

    fn shown(end: &End) -> String {
        let trailers = end.trailers();
        let mut lines: Vec<String> = trailers
            .iter()
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines.join(" ")
    }

    #[test]
    fn states() {
        assert_eq!(shown(&ended(0, false)), "process-state=ok x-exit-code=0");
        assert_eq!(
            shown(&ended(3 << 8, false)),
            "process-state=exit status 3 x-exit-code=3"
        );
        assert_eq!(
            shown(&ended(9, true)),
            "process-state=signal: killed x-signal=9 x-timeout=true"
        );
        assert_eq!(
            shown(&ended(11 | 0x80, false)),
            "process-state=signal: segmentation fault (core dumped) x-signal=11"
        );
        assert_eq!(ended(34, false).text(), "signal: signal 34");
        assert_eq!(
            shown(&End::NotStarted("näh\n".into())),
            "process-state=n?h?"
        );
    }

    #[test]
    fn every_trailer_is_announced() {
        for end in [ended(0, true), ended(9, false), End::Unkillable] {
            for name in end.trailers().keys() {
                let announced = TRAILERS.to_lowercase();
                assert!(announced.split(", ").any(|known| known == name), "{name}");
            }
        }
    }
}
