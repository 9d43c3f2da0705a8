//! Confinement and deletion, on real directories.

use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

fn path(name: &str) -> Relative {
    Relative::path(name).unwrap()
}

/// A workdir beside a directory `outside` with the file `keep` in it.
fn setup() -> (TempDir, Workdir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("keep"), "kept").unwrap();
    let workdir = Workdir::prepare(&dir.path().join("workdir")).unwrap();
    (dir, workdir, outside)
}

#[test]
fn preparing_empties_what_was_there_and_spares_what_links_point_to() {
    let (dir, workdir, outside) = setup();
    fs::write(workdir.root().join("old"), "x").unwrap();
    symlink(&outside, workdir.root().join("link")).unwrap();
    let again = Workdir::prepare(&dir.path().join("workdir")).unwrap();
    assert_eq!(sorted_names(again.root()).unwrap(), ["tmp"]);
    assert!(outside.join("keep").exists());
}

#[test]
fn a_link_inside_is_followed_and_one_that_leads_out_is_not() {
    let (_dir, workdir, outside) = setup();
    fs::create_dir(workdir.root().join("real")).unwrap();
    symlink("real", workdir.root().join("inside")).unwrap();
    symlink(&outside, workdir.root().join("escape")).unwrap();

    let made = workdir.make_dir(&path("inside/new")).unwrap();
    assert_eq!(made, workdir.root().join("real/new"));

    for reached in [
        workdir.make_dir(&path("escape/new")).map(drop),
        workdir.find_dir(&path("escape")).map(drop),
        workdir.clear_for_file(&path("escape/keep")).map(drop),
        workdir.remove(&path("escape/keep")),
    ] {
        assert!(
            matches!(reached, Err(PlaceError::Outside { .. })),
            "{reached:?}"
        );
    }
    assert_eq!(sorted_names(&outside).unwrap(), ["keep"]);
}

#[test]
fn replacing_a_link_leaves_its_target_alone() {
    let (_dir, workdir, outside) = setup();
    symlink(outside.join("keep"), workdir.root().join("file")).unwrap();
    let cleared = workdir.clear_for_file(&path("file")).unwrap();
    fs::write(cleared, "new").unwrap();
    assert_eq!(fs::read_to_string(outside.join("keep")).unwrap(), "kept");
}

#[test]
fn removing_a_link_leaves_its_target_alone() {
    let (_dir, workdir, outside) = setup();
    symlink(&outside, workdir.root().join("link")).unwrap();
    workdir.remove(&path("link")).unwrap();
    workdir.remove(&path("never/was")).unwrap();
    assert!(outside.join("keep").exists());
    assert_eq!(sorted_names(workdir.root()).unwrap(), ["tmp"]);
}

#[test]
fn a_file_is_no_directory_and_a_directory_no_file() {
    let (_dir, workdir, _outside) = setup();
    fs::write(workdir.root().join("file"), "x").unwrap();
    let below = workdir.make_dir(&path("file/below"));
    assert!(matches!(below, Err(PlaceError::NotADirectory { .. })));
    assert!(workdir.clear_for_file(&path("tmp")).is_err());
    assert!(workdir.clear_for_file(&path(".")).is_err());
}

#[test]
fn a_read_only_tree_becomes_writable_and_links_are_not_followed() {
    let (_dir, workdir, outside) = setup();
    let mode_of = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o555)).unwrap();
    let tree = workdir.root().join("tree");
    fs::create_dir_all(tree.join("deep")).unwrap();
    symlink(&outside, tree.join("link")).unwrap();
    for dir in [tree.join("deep"), tree.clone()] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o500)).unwrap();
    }

    make_writable(&tree).unwrap();
    assert_eq!(mode_of(&tree), 0o700);
    assert_eq!(mode_of(&tree.join("deep")), 0o700);
    assert_eq!(mode_of(&outside), 0o555);
    workdir.remove(&path("tree")).unwrap();
    assert!(!tree.exists());
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o755)).unwrap();
}
