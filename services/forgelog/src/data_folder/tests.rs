//! Making, opening and refusing data folders.

use super::*;

fn refusal<T>(result: Result<T>) -> String {
    format!("{:#}", result.err().expect("it should have been refused"))
}

#[test]
fn a_folder_is_made_once_and_opened_ever_after() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/data");
    let (folder, held) = DataFolder::hold(&path).unwrap();
    assert_eq!(
        std::fs::read_to_string(path.join("FORMAT")).unwrap(),
        "forgelog data 1\n"
    );
    assert_eq!(
        std::fs::read_to_string(path.join(".gitignore")).unwrap(),
        "*\n"
    );
    assert_eq!(folder.path(), path.canonicalize().unwrap());
    drop(held);
    DataFolder::hold(&path).unwrap();
    DataFolder::look(&path).unwrap();
}

#[test]
fn a_folder_that_was_left_half_made_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    for name in [".gitignore", "FORMAT.new", "lock"] {
        std::fs::write(dir.path().join(name), "torn").unwrap();
    }
    assert!(refusal(DataFolder::look(dir.path())).contains("not a forgelog data folder"));
    DataFolder::hold(dir.path()).unwrap();
    DataFolder::look(dir.path()).unwrap();
}

#[test]
fn looking_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let text = refusal(DataFolder::look(&path));
    assert!(
        text.contains("there is no data folder") && text.contains("forgelog up --data"),
        "{text}"
    );
    assert!(!path.exists());
    std::fs::create_dir(&path).unwrap();
    refusal(DataFolder::look(&path));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn somebody_elses_folder_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.txt"), "text").unwrap();
    for refused in [
        refusal(DataFolder::hold(dir.path())),
        refusal(DataFolder::look(dir.path())),
    ] {
        assert!(refused.contains("not a forgelog data folder"), "{refused}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    let file = dir.path().join("thesis.txt");
    assert!(refusal(DataFolder::hold(&file)).contains("is not a folder"));
}

#[test]
fn another_version_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("FORMAT"), "forgelog data 7\n").unwrap();
    for refused in [
        refusal(DataFolder::hold(dir.path())),
        refusal(DataFolder::look(dir.path())),
    ] {
        assert!(
            refused.contains("version \"7\"") && refused.contains("version 1"),
            "{refused}"
        );
    }
    std::fs::write(dir.path().join("FORMAT"), "something else").unwrap();
    assert!(refusal(DataFolder::hold(dir.path())).contains("not a forgelog data folder"));
}

#[test]
fn one_process_at_a_time_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let (_folder, held) = DataFolder::hold(dir.path()).unwrap();
    let pid = std::process::id();
    // A second open file is refused like a second process.
    let refused = refusal(DataFolder::hold(dir.path()));
    assert!(
        refused.contains(&format!("already in use by process {pid};")),
        "{refused}"
    );
    held.note_url("http://127.0.0.1:8419/").unwrap();
    let refused = refusal(DataFolder::hold(dir.path()));
    assert!(
        refused.contains(&format!(
            "process {pid}, which serves http://127.0.0.1:8419/"
        )),
        "{refused}"
    );
    DataFolder::look(dir.path()).unwrap();
    drop(held);
    DataFolder::hold(dir.path()).unwrap();
}

#[test]
fn only_staging_files_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, held) = DataFolder::hold(dir.path()).unwrap();
    let swept = [
        "streams/activity/tail/0000/0000000000000000#1",
        "output/b/1/0000000000000000#23",
    ];
    let kept = [
        "streams/activity/tail/0000/0000000000000000",
        "streams/builds/note#x",
        "streams/builds/#1",
        "output/b/1/0#",
        "buildlets/cache-1/file#1",
        "file#1",
    ];
    for name in swept.iter().chain(&kept) {
        let file = dir.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }
    assert_eq!(folder.sweep(&held).unwrap(), 2);
    assert!(swept.iter().all(|name| !dir.path().join(name).exists()));
    assert!(kept.iter().all(|name| dir.path().join(name).exists()));
}

#[test]
fn names_of_repositories_become_one_part_each() {
    let names = [
        "example.org/a/b",
        "example.org/a-b",
        "example.org:80/a/b",
        "../..",
        "ä",
        "a%2Fb",
        "a/b",
    ];
    let parts: std::collections::BTreeSet<String> =
        names.iter().map(|name| one_part(name)).collect();
    assert_eq!(parts.len(), names.len());
    assert!(parts.iter().all(|part| !part.contains('/')), "{parts:?}");
    assert_eq!(one_part("demo-1.x_y"), "demo-1.x_y");
}
