//! Which texts are which locations, and what is shown of them.

use std::path::Path;

use super::*;

fn parse(text: &str) -> Location {
    Location::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn paths_are_local() {
    for text in [
        ".",
        "/srv/git/x.git",
        "relative/dir",
        "./with:colon",
        "/a:b/c",
        "~user",
        "a b",
    ] {
        assert_eq!(parse(text), Location::Local(PathBuf::from(text)));
        assert_eq!(parse(text).to_string(), text);
    }
}

#[test]
fn file_urls_are_local() {
    for (url, path) in [
        ("file:///srv/x.git", "/srv/x.git"),
        ("file://localhost/srv", "/srv"),
        ("file:///a%20b/%c3%bc%zz", "/a b/ü%zz"),
    ] {
        assert_eq!(parse(url), Location::Local(PathBuf::from(path)));
    }
}

#[test]
fn urls_are_remote_and_have_names() {
    for (text, shown, name) in [
        (
            "https://example.com/a/b.git",
            "https://example.com/a/b.git",
            "example.com/a/b",
        ),
        (
            "https://example.com:8443/a/b/",
            "https://example.com:8443/a/b/",
            "example.com:8443/a/b",
        ),
        ("http://localhost/x", "http://localhost/x", "localhost/x"),
        (
            "ssh://git@example.com/a.git",
            "ssh://git@example.com/a.git",
            "example.com/a",
        ),
        (
            "git@example.com:a/b.git",
            "git@example.com:a/b.git",
            "example.com/a/b",
        ),
        ("example.com:b", "example.com:b", "example.com/b"),
        (
            "git://example.com/b.git/",
            "git://example.com/b.git/",
            "example.com/b",
        ),
    ] {
        let location = parse(text);
        assert!(matches!(location, Location::Remote(_)), "{text}");
        assert_eq!(location.to_string(), shown);
        assert_eq!(location.name(), name, "{text}");
    }
}

#[test]
fn passwords_are_never_printed() {
    for text in [
        "https://me:secret@example.com/a.git",
        "https://secret@example.com/a.git",
        "ssh://me:secret@example.com/a.git",
        "git://secret@example.com/a.git",
    ] {
        let location = parse(text);
        assert!(!location.to_string().contains("secret"), "{location}");
        assert!(!format!("{location:?}").contains("secret"), "{location:?}");
        assert!(!location.name().contains("secret"));
    }
    for text in [
        "https://me:secret@",
        "https://me:sec/secret@example.com:notaport/",
        "ftp://me:secret@example.com/",
        "https://-secret:secret@example.com:x/?token=secret",
        "https:///?token=secret",
        "https://example.com/a.git?token=secret",
        "https://example.com/a.git#secret",
        "ext::sh -c secret@x",
    ] {
        let error = Location::parse(text).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn what_cannot_be_read_from_is_refused() {
    for text in [
        "",
        "a\nb",
        "nul\0",
        "file://host/path",
        "file://relative",
        "file:///a%00b",
        "ext::sh -c true",
        "ext://sh",
        "fd::17",
        "helper::https://example.com/",
        "ftp://example.com/x",
        "https://",
        "https:///path",
        "ssh://-oProxyCommand=x/path",
        "-oProxyCommand=x:path",
        "ssh://-x@host/path",
        "ssh://host",
        "host:",
        "https://host:99999/",
    ] {
        let result = Location::parse(text);
        assert!(
            matches!(result, Err(Error::BadLocation { .. })),
            "{text}: {result:?}"
        );
    }
}

#[test]
fn folder_names() {
    for (path, name) in [
        ("/srv/project", "project"),
        ("/srv/project/.git", "project"),
        ("/srv/project.git", "project"),
        ("/srv/.git", "srv"),
        ("/", "repository"),
        ("/.git", "repository"),
    ] {
        assert_eq!(folder_name(Path::new(path)), name);
    }
}
