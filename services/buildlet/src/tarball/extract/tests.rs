//! Hostile and odd archives, made block by block.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use flate2::{Compression, write::GzEncoder};
use tar::Header;
use tempfile::TempDir;

use super::*;

/// A tar that is being made, without the checks of a proper maker.
#[derive(Default)]
struct Tar {
    blocks: Vec<u8>,
}

impl Tar {
    fn entry(mut self, kind: EntryType, name: &str, link: &str, data: &[u8]) -> Self {
        self.header(kind, name, link, data.len() as u64);
        self.blocks.extend_from_slice(data);
        self.blocks
            .resize(self.blocks.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, data: &str) -> Self {
        self.entry(EntryType::Regular, name, "", data.as_bytes())
    }

    fn symlink(self, name: &str, link: &str) -> Self {
        self.entry(EntryType::Symlink, name, link, b"")
    }

    fn hard_link(self, name: &str, link: &str) -> Self {
        self.entry(EntryType::Link, name, link, b"")
    }

    fn header(&mut self, kind: EntryType, name: &str, link: &str, size: u64) {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o104_751);
        header.set_mtime(1_000_000_000);
        header.set_cksum();
        self.blocks.extend_from_slice(header.as_bytes());
    }

    fn gzip(mut self) -> Vec<u8> {
        self.blocks.extend([0; 1024]);
        gzip(&self.blocks)
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A workdir, and beside it `outside/keep` with the content `kept`.
struct Place {
    dir: TempDir,
    target: Target,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/keep"), "kept").unwrap();
        let target = Target {
            workdir: Workdir::prepare(&dir.path().join("workdir")).unwrap(),
            dir: Relative::dir("in").unwrap(),
            bytes_max: 1 << 20,
            entries_max: 100,
        };
        Self { dir, target }
    }

    fn extract(&self, tar: Tar) -> Result<(), ExtractError> {
        extract(&tar.gzip()[..], &self.target)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.target.workdir.root().join("in").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Nothing happened outside of the workdir.
    fn check_outside(&self) {
        let names = |path: &str| crate::workdir::sorted_names(&self.dir.path().join(path)).unwrap();
        assert_eq!(names("."), ["outside", "workdir"]);
        assert_eq!(names("outside"), ["keep"]);
        let keep = fs::metadata(self.dir.path().join("outside/keep")).unwrap();
        assert_eq!((keep.len(), keep.nlink()), (4, 1));
    }
}

#[track_caller]
fn check_refused(tar: Tar, want: &str) {
    let place = Place::new();
    let error = place.extract(tar).unwrap_err();
    let is_the_archives_fault = matches!(
        error,
        ExtractError::Name { .. }
            | ExtractError::Entry { .. }
            | ExtractError::Read { .. }
            | ExtractError::Place(
                PlaceError::NotADirectory { .. }
                    | PlaceError::ADirectory { .. }
                    | PlaceError::Outside { .. }
            )
    );
    assert!(is_the_archives_fault, "{error:?}");
    assert!(error.to_string().contains(want), "{error}");
    place.check_outside();
}

#[test]
fn an_ordinary_archive() {
    let place = Place::new();
    let long = "d/".repeat(150) + "f";
    let tar = Tar::default()
        .entry(
            EntryType::XGlobalHeader,
            "pax_global_header",
            "",
            b"18 comment=abcdef\n",
        )
        .entry(EntryType::Directory, "./", "", b"")
        .entry(EntryType::Directory, "empty/", "", b"")
        .file("old-dir/", "")
        .file("src/./main.c", "int main;")
        .file("src/main.c", "int main() {}")
        .symlink("src/link", "../src/main.c")
        .hard_link("same", "src/main.c")
        .entry(
            EntryType::GNULongName,
            "././@LongLink",
            "",
            format!("{long}\0").as_bytes(),
        )
        .file("cut", "by a GNU name")
        .entry(EntryType::XHeader, "x", "", b"17 path=pax/name\n")
        .file("cut", "by a PAX name");
    place.extract(tar).unwrap();

    assert_eq!(place.text("src/main.c"), "int main() {}");
    assert_eq!(place.text("src/link"), "int main() {}");
    assert_eq!(place.text("same"), "int main() {}");
    assert_eq!(place.text(&long), "by a GNU name");
    assert_eq!(place.text("pax/name"), "by a PAX name");

    let found = fs::metadata(place.path("src/main.c")).unwrap();
    assert_eq!(found.permissions().mode() & 0o7777, 0o751);
    assert_eq!(found.mtime(), 1_000_000_000);
    for dir in ["empty", "old-dir", "src"] {
        let found = fs::metadata(place.path(dir)).unwrap();
        assert_eq!(found.permissions().mode() & 0o7777, 0o755, "{dir}");
    }
}

#[test]
fn a_time_in_the_future_becomes_now() {
    let place = Place::new();
    let mut header = Header::new_gnu();
    header.set_path("f").unwrap();
    header.set_size(0);
    header.set_mode(0o644);
    header.set_mtime(u64::MAX);
    header.set_cksum();
    let tar = Tar {
        blocks: header.as_bytes().to_vec(),
    };
    place.extract(tar).unwrap();
    let time = fs::metadata(place.path("f")).unwrap().modified().unwrap();
    assert!(time <= SystemTime::now());
}

#[test]
fn names_that_lead_out() {
    for name in ["../x", "/x", "a\\b", "a/../../x", "..", "a/..", "/"] {
        check_refused(Tar::default().file(name, "x"), "invalid path");
        check_refused(Tar::default().symlink(name, "x"), "invalid path");
        let dir = Tar::default().entry(EntryType::Directory, name, "", b"");
        check_refused(dir, "invalid path");
        let long = format!("{name}\0");
        let tar = Tar::default()
            .entry(EntryType::GNULongName, "l", "", long.as_bytes())
            .file("fine", "x");
        check_refused(tar, "invalid path");
    }
    let tar = Tar::default()
        .entry(EntryType::XHeader, "x", "", b"14 path=../x1\n")
        .file("fine", "x");
    check_refused(tar, "invalid path");
}

#[test]
fn symlinks_that_lead_out() {
    for link in [
        "/etc",
        "../..",
        "../../outside",
        "a/..",
        "../x/../..",
        "",
        "a/../../..",
    ] {
        check_refused(Tar::default().symlink("link", link), "symlink");
    }
    check_refused(
        Tar::default().symlink("a/b/link", "../../../../x"),
        "symlink",
    );
}

#[test]
fn symlinks_that_stay_inside() {
    let place = Place::new();
    let tar = Tar::default()
        .symlink("up", "..")
        .symlink("a/b/link", "../../../tmp")
        .symlink("dangling", "not/there/yet")
        .symlink("dangling", "elsewhere")
        .symlink("real", "a")
        .file("real/b/through-a-link", "x");
    place.extract(tar).unwrap();
    assert_eq!(place.text("a/b/through-a-link"), "x");
    let link = fs::read_link(place.path("dangling")).unwrap();
    assert_eq!(link, Path::new("elsewhere"));
}

#[test]
fn writing_through_a_link_that_leads_out() {
    // An archive cannot make such a link; a command can.
    let place = Place::new();
    fs::create_dir(place.path("")).unwrap();
    let outside = place.dir.path().join("outside");
    symlink(&outside, place.path("link")).unwrap();
    for tar in [
        Tar::default().file("link/keep", "overwritten"),
        Tar::default().file("link/new", "x"),
        Tar::default().entry(EntryType::Directory, "link/new", "", b""),
        Tar::default().symlink("link/new", "x"),
        Tar::default().hard_link("got", "link/keep"),
        Tar::default().file("f", "x").hard_link("link/new", "f"),
    ] {
        let error = place.extract(tar).unwrap_err().to_string();
        assert!(error.contains("leads out"), "{error}");
        place.check_outside();
    }
    // In the place of the link itself a file is fine, and spares the target.
    symlink(outside.join("keep"), place.path("keep")).unwrap();
    place.extract(Tar::default().file("keep", "mine")).unwrap();
    assert_eq!(place.text("keep"), "mine");
    place.check_outside();
}

#[test]
fn hard_links_that_lead_out() {
    for link in ["/etc/passwd", "../../outside/keep", "../x"] {
        check_refused(Tar::default().hard_link("h", link), "hard link");
    }
    check_refused(Tar::default().hard_link("h", "missing"), "no regular file");
    check_refused(Tar::default().hard_link("h", "."), "no regular file");
    let to_symlink = Tar::default().symlink("s", "f").hard_link("h", "s");
    check_refused(to_symlink, "no regular file");
    let to_itself = Tar::default().file("f", "x").hard_link("f", "./f");
    check_refused(to_itself, "itself");
}

#[test]
fn what_is_no_file() {
    for kind in [
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Continuous,
        EntryType::GNUSparse,
        EntryType::new(b'Z'),
    ] {
        check_refused(Tar::default().entry(kind, "dev", "", b""), "is not taken");
    }
}

#[test]
fn entries_that_are_in_each_others_way() {
    let below_a_file = Tar::default().file("f", "x").file("f/g", "x");
    check_refused(below_a_file, "is not a directory");
    let file_for_dir = Tar::default().file("d/f", "x").file("d", "x");
    check_refused(file_for_dir, "is a directory");
    let link_for_dir = Tar::default().file("d/f", "x").symlink("d", "x");
    check_refused(link_for_dir, "is a directory");
    let round = Tar::default()
        .symlink("a", "b")
        .symlink("b", "a")
        .file("a/f", "x");
    check_refused(round, "is not a directory");
    let nowhere = Tar::default().symlink("a", "b").file("a/f", "x");
    check_refused(nowhere, "is not a directory");
}

#[test]
fn lying_sizes() {
    let mut short = Tar::default();
    short.header(EntryType::Regular, "f", "", 5_000);
    short.blocks.extend([b'x'; 512]);
    check_refused(short, "of its 5000 bytes are missing");

    let mut huge = Tar::default();
    huge.header(EntryType::Regular, "f", "", 1 << 32);
    check_refused(huge, "are missing");

    let disagreeing = Tar::default()
        .entry(EntryType::XHeader, "x", "", b"11 size=99\n")
        .file("f", "abc");
    check_refused(disagreeing, "disagree");

    let mut broken_off = Tar::default();
    broken_off.header(EntryType::GNULongName, "l", "", 9_999);
    broken_off.blocks.extend([b'x'; 512]);
    check_refused(broken_off, "broken off");
}

#[test]
fn what_is_no_archive() {
    let place = Place::new();
    let fine = Tar::default().file("f", "some text").gzip();
    let mut bad_checksum = fine.clone();
    let end = bad_checksum.len() - 6;
    bad_checksum[end] ^= 1;
    let broken_off = &fine[..fine.len() - 10];
    let noise = gzip(&[b'?'; 2048]);
    for bad in [
        b"",
        b"no gzip at all".as_slice(),
        &noise,
        &bad_checksum,
        broken_off,
    ] {
        let error = extract(bad, &place.target).unwrap_err();
        assert!(matches!(error, ExtractError::Read { .. }), "{error}");
    }
    extract(&fine[..], &place.target).unwrap();
}

#[test]
fn bombs() {
    let mut place = Place::new();
    let zeros = vec![0; 4 << 20];
    let over = |error: ExtractError| matches!(error, ExtractError::TooLarge { .. });

    let file = Tar::default().entry(EntryType::Regular, "f", "", &zeros);
    assert!(over(place.extract(file).unwrap_err()));
    let written = fs::metadata(place.path("f")).unwrap().len();
    assert!(written <= place.target.bytes_max, "{written}");

    let after_the_end = Tar::default().entry(EntryType::Regular, "f", "", &zeros);
    let bomb = [Tar::default().file("g", "x").gzip(), after_the_end.gzip()].concat();
    assert!(over(extract(&bomb[..], &place.target).unwrap_err()));

    place.target.bytes_max = 1 << 30;
    for kind in [
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
    ] {
        let header = Tar::default().entry(kind, "l", "", &zeros);
        assert!(over(place.extract(header).unwrap_err()));
    }

    let many = (0..101).fold(Tar::default(), |tar, _| tar.file("same", ""));
    assert!(over(place.extract(many).unwrap_err()));
}
