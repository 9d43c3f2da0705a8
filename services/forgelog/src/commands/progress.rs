//! How far a long command is: a line on stderr that overwrites itself, and nothing at all where stderr is no terminal.
//! Depends on the clock.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often the line changes.
const EVERY: Duration = Duration::from_millis(200);
/// Cells of the bar.
const BAR: u64 = 24;

/// One command's progress. The line goes when this is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    begun: Instant,
    /// When the line was last shown; `None` if it never is.
    shown: Option<Instant>,
}

impl Progress {
    /// Of a command that does this, such as `importing`.
    pub(super) fn new(what: &'static str) -> Self {
        let begun = Instant::now();
        let shown = std::io::stderr().is_terminal().then_some(begun);
        Self { what, begun, shown }
    }

    /// So many bytes are done, of so many if that is known.
    pub(super) fn at(&mut self, done: u64, total: Option<u64>) {
        let now = Instant::now();
        if self.shown.is_some_and(|shown| now - shown >= EVERY) {
            self.shown = Some(now);
            let line = line(self.what, done, total, now - self.begun);
            // A terminal that is gone needs no progress.
            let _ = write!(std::io::stderr(), "\r{line}\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some_and(|shown| shown != self.begun) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(what: &str, done: u64, total: Option<u64>, took: Duration) -> String {
    let rate = done as f64 / took.as_secs_f64().max(0.001);
    let speed = format!("{}/s", size(rate as u64));
    let Some(total) = total.filter(|&total| total > 0) else {
        return format!("{what} {}, {speed}", size(done));
    };
    let share = (done.min(total) as f64) / total as f64;
    let full = (share * BAR as f64) as usize;
    let bar = format!("{}{}", "#".repeat(full), ".".repeat(BAR as usize - full));
    format!(
        "{what} [{bar}] {:.0} % of {}, {speed}",
        share * 100.0,
        size(total)
    )
}

/// A number of bytes for people.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_how_fast() {
        let second = Duration::from_secs(1);
        assert_eq!(
            line("importing", 500_000, Some(1_000_000), second),
            "importing [############............] 50 % of 1.0 MB, 500.0 kB/s"
        );
        assert_eq!(line("importing", 7, None, second), "importing 7 B, 7 B/s");
        // An estimate may be too low.
        assert!(line("importing", 9, Some(3), second).contains("100 %"));
    }
}
