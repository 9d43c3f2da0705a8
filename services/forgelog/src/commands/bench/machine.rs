//! What the numbers were taken on. Reads what Linux tells; elsewhere it says "unknown". Depends on nothing of ours.

use serde_json::{Value, json};
use std::fs::read_to_string;
use std::io::Write;
use std::path::Path;
use std::thread::available_parallelism;

/// The machine, as far as it matters to the numbers. Nothing that names it.
#[derive(Debug)]
pub(super) struct Machine {
    cpu: String,
    cores: usize,
    /// In GiB.
    memory: u64,
    filesystem: String,
    kernel: String,
    rustc: &'static str,
    optimized: bool,
    /// Runnable tasks over the last minute, before anything was measured.
    load: f64,
}

impl Machine {
    /// Looks at this machine, and at the file system that `folder` is on.
    pub(super) fn look(folder: &Path) -> Self {
        let kibibytes = field("/proc/meminfo", "MemTotal")
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        let kernel = read_to_string("/proc/sys/kernel/osrelease").ok();
        let load = read_to_string("/proc/loadavg").ok();
        let load = load.and_then(|text| text.split(' ').next()?.parse().ok());
        Self {
            cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            cores: available_parallelism().map_or(1, usize::from),
            memory: kibibytes.unwrap_or(0).div_ceil(1 << 20),
            filesystem: filesystem(folder).unwrap_or_else(unknown),
            kernel: kernel.map_or_else(unknown, |text| text.trim().to_owned()),
            rustc: env!("FORGELOG_RUSTC"),
            optimized: !cfg!(debug_assertions),
            load: load.unwrap_or(0.0),
        }
    }

    /// Why the numbers may be worth little.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.optimized {
            warnings.push(
                "this is a debug build, its numbers say nothing; build with --release".to_owned(),
            );
        }
        if ["tmpfs", "ramfs", "overlay"].contains(&self.filesystem.as_str()) {
            warnings.push(format!(
                "the files go to a {}, which is no disk; choose another folder with --dir",
                self.filesystem
            ));
        }
        if self.load > 0.5 {
            warnings.push(format!(
                "the machine is busy (load {}), expect worse numbers",
                self.load
            ));
        }
        warnings
    }

    pub(super) fn as_json(&self) -> Value {
        json!({
            "cpu": self.cpu,
            "cores": self.cores,
            "memory_gib": self.memory,
            "filesystem": self.filesystem,
            "kernel": self.kernel,
            "rustc": self.rustc,
            "optimized": self.optimized,
            "load_before": self.load,
        })
    }

    pub(super) fn write_text(&self, out: &mut impl Write) -> std::io::Result<()> {
        let build = if self.optimized { "release" } else { "DEBUG" };
        writeln!(
            out,
            "{}, {} cores, {} GiB; {}; Linux {}; {}, {build} build; load {} before",
            self.cpu, self.cores, self.memory, self.filesystem, self.kernel, self.rustc, self.load
        )
    }
}

/// Bytes of memory that can be had now, if the system tells.
pub(super) fn memory_available() -> Option<u64> {
    let text = field("/proc/meminfo", "MemAvailable")?;
    let kibibytes: u64 = text.split(' ').next()?.parse().ok()?;
    Some(kibibytes << 10)
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// The first value of a field in a file of `NAME: VALUE` lines.
fn field(path: &str, name: &str) -> Option<String> {
    let text = read_to_string(path).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(found, _)| found.trim() == name)?;
    Some(value.trim().to_owned())
}

/// The type of the file system that a folder is on.
fn filesystem(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = read_to_string("/proc/self/mounts").ok()?;
    type_at(&mounts, &folder)
}

/// The type of the innermost mount that holds the folder; of several at one place, the last covers the others.
fn type_at(mounts: &str, folder: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((Path::new(fields.next()?), fields.next()?))
    });
    let holding = mounts.filter(|(place, _)| folder.starts_with(place));
    let innermost = holding.max_by_key(|(place, _)| place.components().count());
    innermost.map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_and_last_mount_is_meant() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp xfs rw 0 0\n/dev/c /tmpx zfs rw 0 0\n";
        assert_eq!(type_at(mounts, Path::new("/tmp/x")).as_deref(), Some("xfs"));
        assert_eq!(type_at(mounts, Path::new("/tmpy")).as_deref(), Some("ext4"));
        assert_eq!(type_at("", Path::new("/")), None);
    }
}
