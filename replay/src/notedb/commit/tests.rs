//! Commits taken apart, sound and unsound ones.

use proptest::prelude::*;

use super::*;

fn hash(digit: char) -> String {
    digit.to_string().repeat(40)
}

fn hex(hashes: impl IntoIterator<Item = GitHash>) -> Vec<String> {
    hashes.into_iter().map(|hash| hash.to_string()).collect()
}

fn who(line: &str) -> String {
    format!("{line} A <a@b> 5 +0000\n\nm")
}

#[test]
fn a_commit_is_taken_apart() {
    let raw = format!(
        "tree {}\nparent {}\nparent {}\nauthor Zoë  <z@e> 1488624439 +0530\ncommitter C <c@e> -5 -0800\n\
         gpgsig -----BEGIN\n parent x\n author\ngolang-hg abc\nencoding ISO-8859-1\nmergetag object\n\n\
         Subject\n\nBody \n",
        hash('7'),
        hash('2'),
        hash('C')
    );
    let commit = parse_commit(raw.as_bytes(), true).unwrap();
    assert_eq!(hex(commit.tree()), [hash('7')]);
    assert_eq!(commit.parents.len(), 2);
    assert_eq!(hex(commit.parents.clone()), [hash('2'), hash('c')]);
    let author = Signature {
        person: "Zoë  <z@e>".as_bytes(),
        unix_seconds: 1_488_624_439,
        zone: b"+0530",
        offset_seconds: 19_800,
    };
    assert_eq!(commit.author, Some(author));
    let committer = commit.committer.unwrap();
    assert_eq!(
        (committer.unix_seconds, committer.offset_seconds),
        (-5, -28_800)
    );
    assert_eq!(commit.encoding, Some(&b"ISO-8859-1"[..]));
    assert_eq!(commit.message, b"Subject\n\nBody \n");
    assert_eq!(&raw.as_bytes()[commit.message_start..], commit.message);
    assert_eq!(commit.bad_person, None);
}

proptest! {
    #[test]
    fn usual_commits_are_taken_apart_the_same(
        parents in prop::collection::vec("[0-9a-f]{40}", 0..4),
        at in any::<prop::sample::Index>(),
        change in prop::option::of(prop_oneof![any::<u8>(), Just(b'\n'), Just(b' ')]),
        extra in prop_oneof![3 => Just(""), 1 => Just("encoding x\n"), 1 => Just("gpgsig x\n y\n")],
    ) {
        let parents: String = parents.iter().map(|hash| format!("parent {hash}\n")).collect();
        let raw = format!(
            "tree {}\n{parents}author A <a@b> 1488624439 +0530\ncommitter Zoë <z@e> 0000000001 -0800\n\
             {extra}\nSubject\n\nBody\n",
            hash('7'),
        );
        let mut raw = raw.into_bytes();
        if let Some(byte) = change {
            let at = at.index(raw.len());
            raw[at] = byte;
        }
        let usual = parse_usual(&raw);
        prop_assert!(usual.is_some() || change.is_some() || !extra.is_empty());
        if usual.is_some() {
            for original_semantics in [true, false] {
                prop_assert_eq!(parse_any(&raw, original_semantics).ok(), usual.clone());
            }
        }
    }
}

#[test]
fn nothing_has_to_be_in_a_header() {
    for raw in [
        "x\n\n",
        "\nx\n\nm",
        "author\n\nm",
        "parents 1\ntreetop\n\nm",
    ] {
        let commit = parse_commit(raw.as_bytes(), true).unwrap();
        assert_eq!(
            (commit.tree(), commit.author, commit.committer),
            (None, None, None)
        );
        assert_eq!((commit.parents.len(), hex(commit.parents)), (0, vec![]));
    }
}

#[test]
fn parents_may_be_anywhere_and_any_number() {
    let raw = format!(
        "{}\n\nm",
        ["parent ".to_owned() + &hash('1'), "x".to_owned()]
            .join("\n")
            .repeat(1000)
            .replace("xp", "x\np")
    );
    let commit = parse_commit(raw.as_bytes(), true).unwrap();
    assert_eq!(commit.parents.len(), 1000);
    assert_eq!(hex(commit.parents), vec![hash('1'); 1000]);
}

#[test]
fn the_first_parent_is_told_from_the_others() {
    let parents = ['1', 'A', '2'].map(hash);
    for count in 0..=parents.len() {
        for between in ["", "x y\n"] {
            let lines = parents[..count].iter();
            let lines: String = lines
                .map(|name| format!("parent {name}\n{between}"))
                .collect();
            let raw = format!("a b\n{between}{lines}{between}\nm");
            let commit = parse_commit(raw.as_bytes(), true).unwrap();
            let want = hex(commit.parents.clone());
            assert_eq!(want.len(), count);
            let (first, more) = commit.split_parents();
            assert_eq!(more.len() + usize::from(first.is_some()), count);
            assert_eq!(hex(first.into_iter().chain(more)), want);
        }
    }
}

#[track_caller]
fn refused(raw: &str, original_semantics: bool, want: BadCommit, parents: &[String]) {
    let refused = parse_commit(raw.as_bytes(), original_semantics).unwrap_err();
    assert_eq!(refused.reason, want, "{raw:?}");
    assert_eq!(refused.parents.len(), parents.len());
    assert_eq!(hex(refused.parents), parents);
}

#[test]
fn a_header_without_an_end_is_refused() {
    for original in [true, false] {
        for raw in ["", "x", "tree x\nauthor y\n"] {
            refused(raw, original, BadCommit::NoMessage, &[]);
        }
        refused("\n\nmessage", original, BadCommit::NoHeader, &[]);
    }
}

#[test]
fn a_bad_hash_refuses_but_earlier_parents_stay() {
    let one = hash('1');
    for original in [true, false] {
        for bad in ["", "1", &hash('g'), &(hash('1') + "\r"), &(hash('1') + "1")] {
            let raw = format!("x\nparent {one}\nparent {bad}\nparent {one}\n\nm");
            let want = BadCommit::Parent { at: 50 };
            refused(&raw, original, want, std::slice::from_ref(&one));
            let raw = format!("tree {bad}\nparent {one}\n\nm");
            refused(&raw, original, BadCommit::Tree { at: 0 }, &[]);
        }
    }
}

#[test]
fn a_bad_person_refuses_only_in_the_original() {
    let one = hash('1');
    for (text, source) in [
        ("NoTime", BadSignature::Parts),
        ("OnlyOneSpace 123", BadSignature::Parts),
        ("  \t", BadSignature::Parts),
        ("Foo <f@e> x +0000", BadSignature::Seconds),
        ("Foo <f@e> 5  +0000", BadSignature::Seconds),
        ("Foo <f@e> 1_0 +0000", BadSignature::Seconds),
        ("Foo <f@e> 9223372036854775808 +0000", BadSignature::Seconds),
        ("Foo <f@e> 5 +000", BadSignature::Zone),
        ("Foo <f@e> 5 Z", BadSignature::Zone),
    ] {
        for (role, word) in [(Role::Author, "author"), (Role::Committer, "committer")] {
            let raw = format!(
                "parent {one}\n{word} A <a@b> 5 +0000\n{word} {text}\nparent {one}\n{}",
                who(if role == Role::Author {
                    "committer"
                } else {
                    "author"
                })
            );
            let at = 48 + word.len() + " A <a@b> 5 +0000\n".len();
            let bad = BadCommit::Person { role, at, source };
            refused(&raw, true, bad, std::slice::from_ref(&one));
            let commit = parse_commit(raw.as_bytes(), false).unwrap();
            assert_eq!(commit.bad_person, Some(bad));
            assert_eq!(commit.parents.len(), 2);
            // What an earlier line said doesn't hold any more, and the other person is there.
            assert_eq!(commit.author.is_none(), role == Role::Author);
            assert_eq!(commit.committer.is_none(), role == Role::Committer);
        }
    }
}

#[test]
fn reasons_say_where() {
    let reason = BadCommit::Person {
        role: Role::Author,
        at: 48,
        source: BadSignature::Zone,
    };
    assert_eq!(reason.to_string(), "bad author line at byte 48");
    let source = std::error::Error::source(&reason).unwrap();
    assert_eq!(
        source.to_string(),
        "the time zone has fewer than five characters"
    );
}

#[test]
fn persons_are_trimmed_outside_only() {
    let of = |text: &'static str| {
        let it = signature(text.as_bytes()).unwrap();
        (it.person, it.unix_seconds, it.zone)
    };
    let same = (&b"Foo Bar <foo@bar.com>"[..], 1_257_894_000, &b"-0800"[..]);
    assert_eq!(of(" Foo Bar <foo@bar.com> 1257894000 -0800"), same);
    assert_eq!(
        of("\u{a0}Foo Bar <foo@bar.com> 1257894000 -0800\u{2003}\r"),
        same
    );
    assert_eq!(of("Foo  +5 +0000"), (&b"Foo "[..], 5, &b"+0000"[..]));
    assert_eq!(of("a 5 +0000").0, b"a");
    assert_eq!(signature(b" 5 +0000"), Err(BadSignature::Parts));
    assert_eq!(of("x\n 5 +0000").0, b"x\n");
}

#[test]
fn zones_are_read_as_the_original_reads_them() {
    for (zone, want) in [
        ("+0900", Some(32_400)),
        ("-0800", Some(-28_800)),
        ("-0000", Some(0)),
        ("+051800", Some(19_080)),
        ("x0530", Some(19_800)),
        ("+-5+7", Some(-17_580)),
        ("--5-7", Some(18_420)),
        ("+ab30", Some(1800)),
        ("+05:30", Some(18_000)),
        ("+9999", Some(99 * 3660)),
        ("+é0", None),
        ("+éé", Some(0)),
        ("+090", None),
        ("", None),
    ] {
        assert_eq!(zone_offset(zone.as_bytes()), want, "{zone}");
    }
}

#[test]
fn the_usual_signature_is_read_as_any_other() {
    for seconds in [
        0,
        1,
        99_999_999,
        100_000_000,
        1_488_624_439,
        9_999_999_999_u64,
    ] {
        for zone in [
            "+0000", "-0800", "+0530", "+9999", "-0001", "00000", "+00x0", "+:000",
        ] {
            for person in ["A <a@b>", "", "Zoë", " A", "\u{a0}A"] {
                for text in [
                    format!("{person} {seconds:010} {zone}"),
                    format!("{person} {seconds} {zone} "),
                    format!("{person} x{seconds:09} {zone}"),
                    format!("{person} {seconds:09}/ {zone}"),
                ] {
                    if let Some(usual) = usual_signature(text.as_bytes()) {
                        assert_eq!(Ok(usual), any_signature(text.as_bytes()), "{text}");
                    }
                }
            }
        }
    }
    assert!(usual_signature(b"A <a@b> 1488624439 +0900").is_some());
}

proptest! {
    #[test]
    fn eight_digits_are_a_number(want in 0..100_000_000u32) {
        let digits = format!("{want:08}").into_bytes();
        prop_assert_eq!(eight_digits(u64::from_le_bytes(digits.try_into().unwrap())), want);
    }
}
