//! Reads `[host.NAME]`.

use crate::error::{Mistake, shown};
use crate::host::{Host, HostKind};
use crate::parse::builder::read_env;
use crate::parse::reader::{Keys, Reader, Section};
use crate::parse::values;

/// The most owners of a host.
const OWNERS_MAX: usize = 32;

const HOST: Keys = Keys {
    here: &["kind", "os", "arch", "owners", "env"],
    later: &[
        "image",
        "machine",
        "pools",
        "hermetic",
        "max_life",
        "idle_ttl",
        "spare",
        "bootstrap",
        "ssh_user",
        "dimensions",
        "fleet",
    ],
};
/// The kinds of the format that later versions have.
const KINDS_LATER: &[&str] = &["vm", "container", "reverse", "kube"];

/// Reads a host; `None` if its kind is none of ours.
pub(super) fn read(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Host> {
    reader.check_keys(section, &HOST);
    let kind = read_kind(reader, section);
    let os = reader.text(section, "os", "os = \"linux\"");
    let os = os.and_then(|text| reader.take(text.at, values::os(text.value)));
    let arch = reader.text(section, "arch", "arch = \"amd64\"");
    let arch = arch.and_then(|text| reader.take(text.at, values::arch(text.value)));
    let example = "owners = [\"a@example.org\"]";
    let owners = reader.texts(section, "owners", OWNERS_MAX, example);
    let owners = owners.unwrap_or_default().into_iter();
    Some(Host {
        owners: owners
            .filter_map(|text| reader.take(text.at, values::owner(text.value)))
            .collect(),
        env: read_env(reader, section),
        kind: kind?,
        os,
        arch,
    })
}

fn read_kind(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<HostKind> {
    if !section.has("kind") {
        return Some(HostKind::Local);
    }
    let text = reader.text(section, "kind", "kind = \"local\"")?;
    if text.value == HostKind::Local.as_str() {
        return Some(HostKind::Local);
    }
    let mistake = if KINDS_LATER.contains(&text.value) {
        Mistake::NotYetHere {
            what: format!("the host kind `{}`", shown(text.value)),
        }
    } else {
        Mistake::BadValue {
            key: "kind".to_owned(),
            value: text.value.to_owned(),
            problem: "there is no such kind of host".to_owned(),
            fix: "write `local`".to_owned(),
        }
    };
    reader.report(text.at, mistake);
    None
}
