//! Commits that git would not make, that are damaged, or that are too much.

use std::os::unix::fs::PermissionsExt;

use git::{Error, FileStat};
use proto::GitHash;

use crate::fixture::{TestRepo, tree_entry};

#[test]
fn odd_trees_are_read() {
    let repo = TestRepo::new();
    let blob = repo.hash_object("blob", b"x\n");
    let other = repo.hash_object("blob", b"y\n");
    let empty = repo.hash_object("tree", b"");
    let root = repo.commit_tree(&empty, &[]);
    let sub = repo.hash_object("tree", &tree_entry("100644", b"f", &blob));
    let odd = [
        tree_entry("100664", b"group writable", &blob),
        tree_entry("040000", b"padded", &sub),
        tree_entry("100644", b".git", &blob),
    ];
    let mut odd = odd.concat();
    let tree = repo.hash_object("tree", &odd);
    let first = repo.commit_tree(&tree, &[root]);
    assert_eq!(repo.open().commit(&first).unwrap().files.len(), 3);
    odd.extend(tree_entry("100644", b"twice", &blob));
    odd.extend(tree_entry("100644", b"twice", &other));
    let tree = repo.hash_object("tree", &odd);
    let second = repo.commit_tree(&tree, &[first]);
    assert_eq!(repo.open().commit(&second).unwrap().files.len(), 2);
}

#[test]
fn absent_parts_leave_the_files_out() {
    let repo = TestRepo::new();
    let blob = repo.hash_object("blob", b"x\n");
    let absent: GitHash = "1".repeat(40).parse().unwrap();
    let whole = repo.hash_object("tree", &tree_entry("100644", b"f", &blob));
    let no_blob = repo.hash_object("tree", &tree_entry("100644", b"f", &absent));
    let no_tree = repo.hash_object("tree", &tree_entry("40000", b"d", &absent));
    let root = repo.commit_tree(&whole, &[]);
    for (tree, parent) in [
        (&no_blob, root),
        (&no_tree, root),
        (&absent, root),
        (&whole, absent),
    ] {
        let commit = repo.commit_tree(tree, &[parent]);
        let object = repo.open().commit(&commit).unwrap();
        assert!(object.files_left_out && object.files.is_empty());
        assert!(!object.raw.is_empty());
    }
}

#[test]
fn trees_without_end_leave_the_files_out() {
    let repo = TestRepo::new();
    let root = repo.commit_tree(&repo.hash_object("tree", b""), &[]);
    let blob = repo.hash_object("blob", b"x\n");
    // 64^3 files in four objects.
    let mut wide = repo.hash_object("tree", &entries(64, "100644", &blob));
    for _ in 0..2 {
        wide = repo.hash_object("tree", &entries(64, "40000", &wide));
    }
    let mut deep = repo.hash_object("tree", &tree_entry("100644", b"f", &blob));
    for _ in 0..20 {
        deep = repo.hash_object("tree", &tree_entry("40000", &[b'd'; 250], &deep));
    }
    for tree in [wide, deep] {
        let object = repo
            .open()
            .commit(&repo.commit_tree(&tree, &[root]))
            .unwrap();
        assert!(object.files_left_out && object.files.is_empty());
    }
}

fn entries(count: u32, mode: &str, hash: &GitHash) -> Vec<u8> {
    (0..count)
        .flat_map(|number| tree_entry(mode, format!("{number:03}").as_bytes(), hash))
        .collect()
}

#[test]
fn huge_files_count_as_binary() {
    let repo = TestRepo::new();
    repo.write("huge", vec![b'\n'; 50_000_001]);
    repo.write("large", vec![b'\n'; 50_000_000]);
    repo.commit("root");
    repo.write("huge", "");
    repo.write("large", "");
    let files = repo.open().commit(&repo.commit("small")).unwrap().files;
    assert_eq!(
        files[0],
        FileStat {
            name: "huge".to_owned(),
            added: 0,
            deleted: 0,
            binary: true
        }
    );
    assert_eq!(
        files[1],
        FileStat {
            name: "large".to_owned(),
            added: 0,
            deleted: 50_000_000,
            binary: false
        }
    );
}

#[test]
fn what_is_no_commit_is_refused() {
    let repo = TestRepo::new();
    repo.write("a", "x");
    let commit = repo.commit("root");
    repo.git(["tag", "-a", "-m", "tag", "v1"]);
    let opened = repo.open();
    let tag = repo.hash("v1");
    assert!(
        matches!(opened.commit(&tag), Err(Error::WrongKind { found: "tag", wanted: "commit", hash, .. }) if hash == tag)
    );
    let tree = repo.hash("HEAD^{tree}");
    assert!(matches!(
        opened.commit(&tree),
        Err(Error::WrongKind { found: "tree", .. })
    ));
    let absent = "2".repeat(40).parse().unwrap();
    let error = opened.commit(&absent).unwrap_err();
    assert!(matches!(error, Error::Missing { hash, .. } if hash == absent));
    assert!(error.to_string().contains(&"2".repeat(40)) && error.to_string().contains("project"));
    let broken = repo.hash_object("commit", b"no commit");
    assert!(matches!(opened.commit(&broken), Err(Error::Corrupt { hash, .. }) if hash == broken));
    let no_tree = repo.hash_object("tree", b"no tree");
    let on_it = repo.commit_tree(&no_tree, &[commit]);
    assert!(matches!(opened.commit(&on_it), Err(Error::Corrupt { hash, .. }) if hash == no_tree));
}

#[test]
fn damaged_objects_are_errors() {
    let repo = TestRepo::new();
    repo.write("a", "x");
    let commit = repo.commit("root").to_string();
    let file = repo
        .path
        .join(".git/objects")
        .join(&commit[..2])
        .join(&commit[2..]);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    std::fs::write(&file, b"garbage").unwrap();
    let error = repo.open().commit(&commit.parse().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Object { .. }), "{error:?}");
}
