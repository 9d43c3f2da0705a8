//! Commits taken apart, sound and unsound ones.

use super::BadCommit;
use crate::corpus::tests::{commit, hash, raw};
use crate::corpus::{Commit, Corpus};

fn one(text: impl Into<Vec<u8>>) -> Result<Corpus, Vec<String>> {
    let mut corpus = Corpus::default();
    let reasons = corpus.add(commit(1, text));
    if reasons.is_empty() {
        Ok(corpus)
    } else {
        Err(reasons)
    }
}

#[track_caller]
fn check(text: impl Into<Vec<u8>>, check: impl FnOnce(Commit<'_>)) {
    let corpus = one(text).unwrap();
    check(corpus.commit(&hash(1)).unwrap());
}

/// It is there although something is wrong with it, which is told.
#[track_caller]
fn kept(text: impl Into<Vec<u8>>, why: BadCommit) {
    let mut corpus = Corpus::default();
    assert_eq!(corpus.add(commit(1, text)), [why.to_string()]);
    assert!(corpus.has_commit(&hash(1)));
}

#[track_caller]
fn refused(text: impl Into<Vec<u8>>, why: BadCommit) {
    assert_eq!(one(text).unwrap_err(), [why.to_string()]);
}

fn bad(what: &'static str) -> BadCommit {
    BadCommit::Header {
        hash: hash(1),
        what,
    }
}

#[test]
fn a_commit_is_taken_apart() {
    let text = format!(
        "tree {}\nparent {}\nparent {}\nauthor Zoë <zoe@example.com> 1488624439 +0530\n\
         committer C <c@example.com> -5 -0800\nencoding ISO-8859-1\n\nSubject line \n\nBody.\n",
        hash(7),
        hash(2),
        hash(3)
    );
    check(text, |commit| {
        assert_eq!(commit.hash(), hash(1));
        assert_eq!(commit.tree(), Some(hash(7)));
        assert!(commit.parents().eq([hash(2), hash(3)]));
        let author = commit.author().unwrap();
        assert_eq!(author.person, "Zoë <zoe@example.com>");
        assert_eq!((author.name(), author.email()), ("Zoë", "zoe@example.com"));
        assert_eq!(
            (author.unix_seconds, author.offset_seconds),
            (1_488_624_439, 19_800)
        );
        let committer = commit.committer().unwrap();
        assert_eq!(
            (committer.unix_seconds, committer.offset_seconds),
            (-5, -28_800)
        );
        assert_eq!(committer.time().to_string(), "1969-12-31T23:59:55Z");
        assert_eq!(commit.encoding(), Some(&b"ISO-8859-1"[..]));
        assert_eq!(commit.subject(), "Subject line");
        assert_eq!(commit.message(), "Subject line \n\nBody.\n");
    });
}

#[test]
fn a_header_without_an_end_is_refused() {
    refused("", BadCommit::NoMessage { hash: hash(1) });
    refused("tree x\nauthor y\n", BadCommit::NoMessage { hash: hash(1) });
    refused("\n\nmessage", BadCommit::NoHeader { hash: hash(1) });
}

#[test]
fn a_name_that_is_no_hash_is_refused() {
    for sha1 in [
        "",
        "12ab",
        &"g".repeat(40),
        &"1".repeat(41),
        &"é".repeat(20),
        &"x".repeat(100_000),
    ] {
        let mut corpus = Corpus::default();
        let named = proto::maintpb::GitCommit {
            sha1: sha1.to_owned(),
            ..commit(1, raw(&[]))
        };
        let reasons = corpus.add(named);
        assert_eq!(reasons.len(), 1);
        assert!(
            reasons[0].ends_with("the name is not 40 hex digits") && reasons[0].len() < 200,
            "{reasons:?}"
        );
        assert_eq!(corpus.counts().commits, 0);
    }
}

#[test]
fn bad_lines_are_refused() {
    refused("tree 123\n\n", bad("tree"));
    refused("parent 123\n\n", bad("parent"));
}

#[test]
fn nobody_knows_who_but_the_history_goes_on() {
    for person in [
        "",
        "x",
        "x 1",
        "x 12 ",
        "<a@b> 12 +000",
        "<a@b> twelve +0000",
        "<a@b> 99999999999999999999 +0000",
    ] {
        kept(format!("author {person}\n\n"), bad("author"));
        kept(format!("committer {person}\n\n"), bad("committer"));
    }
}

#[test]
fn parents_before_a_bad_line_stay_as_placeholders() {
    let mut corpus = Corpus::default();
    let text = format!(
        "parent {}\nparent {}\ntree x\nparent {}\n\n",
        hash(2),
        hash(3),
        hash(4)
    );
    assert_eq!(corpus.add(commit(1, text)), [bad("tree").to_string()]);
    assert_eq!(
        (corpus.counts().commits, corpus.counts().placeholders),
        (0, 2)
    );
}

#[test]
fn zones_that_are_none_count_as_utc() {
    for (zone, offset) in [
        ("+0000", 0),
        ("-0000", 0),
        ("+9999", 99 * 3600 + 99 * 60),
        ("-051800", -(5 * 3600 + 18 * 60)),
        ("-07:0", -7 * 3600),
        ("+ab30", 1800),
        ("*****", 0),
        ("é123", 23 * 60),
    ] {
        check(format!("author A <a@b> 1 {zone}\n\n"), |commit| {
            assert_eq!(commit.author().unwrap().offset_seconds, offset, "{zone}");
        });
    }
}

#[test]
fn people_are_kept_verbatim() {
    for (line, person, name, email) in [
        ("A B <a@b> 1 +0000", "A B <a@b>", "A B", "a@b"),
        ("   A  B <a@b> 1 +0000 ", "A  B <a@b>", "A  B", "a@b"),
        ("<a@b> 1 +0000", "<a@b>", "", "a@b"),
        ("nobody 1 +0000", "nobody", "nobody", ""),
        ("A <> B <b@c> 1 +0000", "A <> B <b@c>", "A", ""),
        ("A <open 1 +0000", "A <open", "A", ""),
        ("1 5 +0000", "1", "1", ""),
    ] {
        check(format!("author {line}\n\n"), |commit| {
            let author = commit.author().unwrap();
            assert_eq!(
                (&*author.person, author.name(), author.email()),
                (person, name, email)
            );
        });
    }
}

#[test]
fn texts_that_are_not_utf8_are_kept_as_bytes() {
    let mut text = b"author J\xf6rg <j@x> 1 +0000\nencoding latin1\n\nGr\xfc\xdfe\nmore".to_vec();
    check(text.clone(), |commit| {
        assert_eq!(commit.author().unwrap().name(), "J\u{fffd}rg");
        assert_eq!(commit.message_bytes(), b"Gr\xfc\xdfe\nmore");
        assert_eq!(commit.subject(), "Gr\u{fffd}\u{fffd}e");
    });
    text.truncate(text.len() - 10);
    check(text, |commit| {
        assert_eq!((commit.message_bytes(), &*commit.subject()), (&b""[..], ""))
    });
}

#[test]
fn signatures_and_unknown_lines_say_nothing() {
    let text = format!(
        "tree {}\ngpgsig -----BEGIN\n parent not-a-hash\n author nobody\nmergetag object 1\n tree x\n\
         golang-hg 00\nparentless\nauthor A <a@b> 1 +0000\n\nmessage\n\nwith an empty line",
        hash(7)
    );
    check(text, |commit| {
        assert_eq!(commit.parents().len(), 0);
        assert_eq!(commit.author().unwrap().name(), "A");
        assert!(commit.committer().is_none() && commit.encoding().is_none());
        assert_eq!(commit.message(), "message\n\nwith an empty line");
    });
}

#[test]
fn many_parents_are_kept() {
    let count = 100_000u32;
    let mut text = String::new();
    for number in 0..count {
        text.push_str(&format!("parent {number:040x}\n"));
    }
    check(format!("{text}\nmessage"), |commit| {
        assert_eq!(commit.parents().len(), count as usize);
        assert_eq!(
            commit.parents().last().unwrap().to_string(),
            format!("{:040x}", count - 1)
        );
    });
}
