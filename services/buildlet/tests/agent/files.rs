//! Writing, deleting and listing.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use buildlet_client::{DirEntry, ListOptions};

use super::TestAgent;

fn names(agent: &TestAgent, dir: &str) -> Vec<String> {
    let entries = fs::read_dir(agent.path(dir)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_is_written_with_its_parents_and_mode() {
    let agent = TestAgent::start().await;
    let mode_of =
        |path: &str| fs::metadata(agent.path(path)).unwrap().permissions().mode() & 0o7777;
    agent
        .client
        .put_file("a/b/f", 0o751, "content")
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(agent.path("a/b/f")).unwrap(), "content");
    assert_eq!((mode_of("a/b/f"), mode_of("a/b")), (0o751, 0o755));
    agent.client.put_file("a/b/f", 0o600, "").await.unwrap();
    assert_eq!(fs::read_to_string(agent.path("a/b/f")).unwrap(), "");
    assert_eq!(mode_of("a/b/f"), 0o600);

    let octal = agent.request("PUT", "/write?path=o&mode=0o640", "x").await;
    assert_eq!(octal, (200, "OK".into()));
    assert_eq!(mode_of("o"), 0o640);
}

#[tokio::test]
async fn writes_that_are_refused() {
    let agent = TestAgent::start().await;
    let outside = agent.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, agent.path("escape")).unwrap();
    for (query, want) in [
        ("path=../x&mode=420", "invalid path"),
        ("path=..&mode=420", "invalid path"),
        ("path=/x&mode=420", "invalid path"),
        ("path=a%5Cb&mode=420", "invalid path"),
        ("path=&mode=420", "invalid path"),
        ("path=x", "invalid mode"),
        ("path=x&mode=2541", "invalid mode"),
        ("path=.&mode=420", "is a directory"),
        ("path=tmp&mode=420", "is a directory"),
        ("path=escape/x&mode=420", "leads out"),
    ] {
        let (status, text) = agent.request("PUT", &format!("/write?{query}"), "x").await;
        assert_eq!(status, 400, "{query}: {text}");
        assert!(text.contains(want), "{query}: {text}");
    }
    assert_eq!(names(&agent, ""), ["escape", "tmp"]);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[tokio::test]
async fn deleting_is_all_or_nothing_where_names_are_bad() {
    let agent = TestAgent::start().await;
    agent.client.put_file("a", 0o644, "x").await.unwrap();
    for paths in [&["a", "../b"][..], &["a", ""], &["a", ".."], &[]] {
        let error = agent.client.remove_all(paths).await.unwrap_err();
        assert_eq!(error.status().unwrap(), 400, "{paths:?}");
        assert!(agent.path("a").exists(), "{paths:?}");
    }
    agent.client.remove_all(&["a", "never/was"]).await.unwrap();
    assert!(!agent.path("a").exists());
}

#[tokio::test]
async fn deleting_trees() {
    let agent = TestAgent::start().await;
    for path in ["d/e/f", "d/g", "keep"] {
        agent.client.put_file(path, 0o444, "x").await.unwrap();
    }
    for dir in ["d/e", "d"] {
        fs::set_permissions(agent.path(dir), fs::Permissions::from_mode(0o555)).unwrap();
    }
    agent.client.remove_all(&["d"]).await.unwrap();
    assert_eq!(names(&agent, ""), ["keep", "tmp"]);
    agent.client.remove_all(&["."]).await.unwrap();
    assert!(names(&agent, "").is_empty());
    // The agent goes on in its empty workdir.
    agent.client.put_file("again", 0o644, "x").await.unwrap();
}

#[tokio::test]
async fn a_listing() {
    let agent = TestAgent::start().await;
    for (path, mode) in [
        ("in/f", 0o644),
        ("in/dir/g", 0o755),
        ("in/pkg/hidden", 0o644),
    ] {
        agent.client.put_file(path, mode, "abc").await.unwrap();
    }
    let options = ListOptions {
        dir: "in".into(),
        recursive: true,
        digest: true,
        skip: vec!["pkg".into()],
    };
    let entries = agent.client.list_dir(&options).await.unwrap();
    let shown: Vec<_> = entries
        .iter()
        .map(|e| (e.mode.as_str(), e.name.as_str(), e.size))
        .collect();
    assert_eq!(
        shown,
        [
            ("drwxr-xr-x", "dir/", None),
            ("-rwxr-xr-x", "dir/g", Some(3)),
            ("-rw-r--r--", "f", Some(3)),
        ]
    );
    assert!(entries[0].is_dir());
    assert_eq!(
        entries[2].sha1.as_deref(),
        Some("a9993e364706816aba3e25717850c26c9cd0d89d")
    );
    let time = entries[2].modified.as_deref().unwrap();
    assert!(time.len() == 20 && time.ends_with('Z'), "{time}");

    let options = ListOptions {
        dir: "in".into(),
        ..ListOptions::default()
    };
    let flat: Vec<DirEntry> = agent.client.list_dir(&options).await.unwrap();
    let flat: Vec<_> = flat.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(flat, ["dir/", "f", "pkg/"]);

    for (dir, status) in [("..", 400), ("/in", 400), ("missing", 500), ("in/f", 400)] {
        let options = ListOptions {
            dir: dir.into(),
            ..ListOptions::default()
        };
        let error = agent.client.list_dir(&options).await.unwrap_err();
        assert_eq!(error.status().unwrap(), status, "{dir}");
    }
}

#[tokio::test]
async fn a_long_listing() {
    let agent = TestAgent::start().await;
    fs::create_dir(agent.path("many")).unwrap();
    for index in 0..3000 {
        fs::write(
            agent.path(&format!("many/{index:04}-{}", "x".repeat(100))),
            "",
        )
        .unwrap();
    }
    let options = ListOptions {
        dir: "many".into(),
        ..ListOptions::default()
    };
    let entries = agent.client.list_dir(&options).await.unwrap();
    assert_eq!(entries.len(), 3000);
    assert!(entries.is_sorted_by_key(|entry| entry.name.clone()));
}
