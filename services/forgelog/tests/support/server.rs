//! `forgelog log serve` as a process.

use super::{forgelog, wait_until};
use rustix::process::Signal;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ExitStatus, Stdio};

/// A running `forgelog log serve`; killed when it is dropped.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    pub fn start(log: &[&str]) -> Self {
        Self::start_at(log, "127.0.0.1:0")
    }

    pub fn start_at(log: &[&str], listen: &str) -> Self {
        let arguments = [&["log", "serve", "--listen", listen], log].concat();
        let mut child = forgelog(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut first).unwrap();
        let url = first.strip_prefix("listening on ").unwrap();
        Self {
            url: url.trim_end().to_owned(),
            child,
        }
    }

    pub fn logs(&self) -> String {
        format!("{}/logs", self.url)
    }

    pub fn stop(mut self, how: Signal) -> ExitStatus {
        super::signal(self.child.id(), how);
        wait_until("the server stops", || self.child.try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
