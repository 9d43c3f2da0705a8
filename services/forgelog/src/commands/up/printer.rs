//! Lines for people, printed by a thread of their own: a terminal that is stopped, or a pipe that nobody reads, must not
//! hold up the services. Depends on nothing of ours.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Lines that wait to be printed; more are left out.
const LINES_MAX: usize = 1024;
/// How long the end may wait for the last lines.
const FINISH_LIMIT: Duration = Duration::from_secs(1);

/// Prints lines in their order. Clones are handles to the same.
#[derive(Clone, Debug)]
pub(super) struct Printer {
    lines: SyncSender<String>,
    left_out: Arc<AtomicU64>,
    done: Arc<Mutex<Receiver<()>>>,
}

impl Printer {
    pub(super) fn new(out: impl Write + Send + 'static) -> Self {
        let (lines, waiting) = sync_channel(LINES_MAX);
        let (note_done, done) = sync_channel(1);
        std::thread::spawn(move || {
            print(out, &waiting);
            let _ = note_done.send(());
        });
        Self {
            lines,
            left_out: Arc::default(),
            done: Arc::new(Mutex::new(done)),
        }
    }

    /// Has the line printed, now or soon; if too many wait already, never. Does not block.
    pub(super) fn say(&self, line: impl Into<String>) {
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0
            && self
                .lines
                .try_send(format!("({left_out} lines left out)"))
                .is_err()
        {
            self.left_out.fetch_add(left_out, Ordering::Relaxed);
        }
        if let Err(TrySendError::Full(_)) = self.lines.try_send(line.into()) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was said is printed, but not for long. What is said afterwards may never be.
    pub(super) fn finish(self) {
        // The empty line is how the thread learns of the end, as other handles may still be there.
        if self.lines.try_send(String::new()).is_ok() {
            let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = done.recv_timeout(FINISH_LIMIT);
        }
    }
}

fn print(mut out: impl Write, lines: &Receiver<String>) {
    while let Ok(line) = lines.recv() {
        if line.is_empty() {
            return;
        }
        // If nobody reads, there is still the log.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    /// Takes a line only when it is let.
    struct Gate {
        printed: Sender<Vec<u8>>,
        open: Receiver<()>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.open.recv();
            let _ = self.printed.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_in_order_and_are_out_at_the_end() {
        let (printed, lines) = channel();
        let (let_go, open) = channel();
        drop(let_go);
        let printer = Printer::new(Gate { printed, open });
        for line in ["one", "two", "three"] {
            printer.say(line);
        }
        printer.finish();
        let text: Vec<u8> = lines.try_iter().flatten().collect();
        assert_eq!(String::from_utf8(text).unwrap(), "one\ntwo\nthree\n");
    }

    #[test]
    fn who_does_not_read_holds_up_nobody() {
        let (printed, lines) = channel();
        let (let_go, open) = channel();
        let printer = Printer::new(Gate { printed, open });
        for number in 0..2 * LINES_MAX {
            printer.say(number.to_string());
        }
        drop(let_go);
        // Room for the last ones comes as the thread prints.
        let first: Vec<u8> = lines.iter().take(2).flatten().collect();
        assert!(first.starts_with(b"0"));
        let mut text = String::new();
        while !text.contains("lines left out") {
            printer.say("again");
            text.push_str(&String::from_utf8_lossy(&lines.recv().unwrap()));
        }
    }
}
