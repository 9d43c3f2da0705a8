//! Mentions, and the pattern they are held against.

use proptest::prelude::*;

use super::*;

/// `owner/repo#n` of each.
fn found(message: &[u8], project: &str) -> Vec<String> {
    github_refs(message, project.as_bytes())
        .iter()
        .map(|issue| {
            let text = |name| String::from_utf8_lossy(name).into_owned();
            format!(
                "{}/{}#{}",
                text(&issue.owner),
                text(&issue.repo),
                issue.number
            )
        })
        .collect()
}

#[track_caller]
fn check(project: &str, message: &str, want: &[&str]) {
    assert_eq!(found(message.as_bytes(), project), want, "{message:?}");
}

const GO: &str = "go.googlesource.com/go";
const NET: &str = "go.googlesource.com/net";

#[test]
fn a_bare_number_is_an_issue_of_go() {
    for message in [
        "\nFixes #1234\n",
        "Fixes #1234",
        "Fixes golang/go#1234\n",
        "Fixes golang/go#1234.",
        "Mention issue #1234 a second time.\n\nFixes #1234.",
    ] {
        check(GO, message, &["golang/go#1234"]);
    }
    let two = "Issue #1234 a second time.\n\nFixes #1234.\nUpdates #1235.";
    check(GO, two, &["golang/go#1234", "golang/go#1235"]);
    check(NET, "Fixes golang/go#1234.", &["golang/go#1234"]);
    check(NET, "Fixes #1234", &[]);
    check("go.googlesource.com/go2", "Fixes #1234", &[]);
}

#[test]
fn names_are_words_with_dashes() {
    check(NET, "Fixes A-b_C/D-e#7", &["a-b_c/d-e#7"]);
    check(NET, "https://github.com/golang/go#7", &["golang/go#7"]);
    check(NET, "foo.bar/baz#9", &["bar/baz#9"]);
    check(NET, "x/y/z#1", &["y/z#1"]);
    check(NET, "--a/b#1", &["a/b#1"]);
    check(NET, "a--/b#1 -/b#2 a/-#3", &["a--/b#1", "a/-#3"]);
    check(NET, "a/b.c#1 a /b#1 a/ b#1 a/#1 /b#1", &[]);
    check(NET, "a/b#1/c#2", &["a/b#1"]);
    check(NET, "a/b#1-/c#2", &["a/b#1", "-/c#2"]);
    check(NET, "a/b#1a/c#2", &["1a/c#2"]);
    // Words are ASCII.
    check(GO, "é/x#3", &["golang/go#3"]);
    check(NET, "éa/x#3", &["a/x#3"]);
    assert_eq!(found(b"\xFFa/b#4\xFF", NET), ["a/b#4"]);
}

#[test]
fn numbers_end_where_a_word_does() {
    check(
        GO,
        "a#12 ##6 #7#8",
        &[12, 6, 7, 8]
            .map(|n| format!("golang/go#{n}"))
            .each_ref()
            .map(String::as_str),
    );
    check(GO, "#12a #12_ #é # #-1 #", &[]);
    check(GO, "#1-2", &["golang/go#1"]);
    check(
        GO,
        "#0 #00012 #2147483647",
        &["golang/go#0", "golang/go#12", "golang/go#2147483647"],
    );
    check(
        GO,
        "a/b#2147483648 #99999999999999999999 #4",
        &["golang/go#4"],
    );
}

#[test]
fn each_issue_is_found_once_and_in_order() {
    let message: String = (0..100)
        .map(|n| format!("A/b#{} a/B#{} ", n % 40, n % 7))
        .collect();
    let mut want = Vec::new();
    for n in 0..100 {
        for number in [n % 40, n % 7] {
            let issue = format!("a/b#{number}");
            if !want.contains(&issue) {
                want.push(issue);
            }
        }
    }
    assert_eq!(found(message.as_bytes(), NET), want);
}

/// The pattern, tried at every place, every way, the first that fits.
fn slow(message: &[u8]) -> Vec<(&[u8], &[u8])> {
    let word = |at: usize| message.get(at).is_some_and(|byte| is_word(*byte));
    let boundary = |at: usize| (at > 0 && word(at - 1)) != word(at);
    let run = |from: usize, of: &dyn Fn(u8) -> bool| {
        (from..message.len())
            .take_while(|at| of(message[*at]))
            .count()
    };
    let number_at = |hash: usize| {
        let digits = run(hash + 1, &|byte| byte.is_ascii_digit());
        let end = hash + 1 + digits;
        (message.get(hash) == Some(&b'#') && digits > 0 && boundary(end)).then_some(end)
    };
    let name = |byte: u8| is_word(byte) || byte == b'-';
    let with_repo = |start: usize| {
        let slash = start + run(start, &name);
        let hash = slash + 1 + run(slash + 1, &name);
        let sound = boundary(start) && slash > start && message.get(slash) == Some(&b'/');
        if sound && hash > slash + 1 {
            Some((hash, number_at(hash)?))
        } else {
            None
        }
    };
    let (mut matches, mut at) = (Vec::new(), 0);
    while at < message.len() {
        if let Some((hash, end)) = with_repo(at) {
            matches.push((&message[at..hash], &message[hash + 1..end]));
            at = end;
        } else if let Some(end) = number_at(at) {
            matches.push((&message[..0], &message[at + 1..end]));
            at = end;
        } else {
            at += 1;
        }
    }
    matches
}

fn slow_refs(message: &[u8], project: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (repo, number) in slow(message) {
        let repo = String::from_utf8(repo.to_ascii_lowercase()).unwrap();
        let repo = if repo.is_empty() && project == GO {
            "golang/go"
        } else {
            &repo
        };
        let Ok(number) = std::str::from_utf8(number).unwrap().parse::<i32>() else {
            continue;
        };
        let issue = format!("{repo}#{number}");
        if !repo.is_empty() && !found.contains(&issue) {
            found.push(issue);
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn the_pattern_finds_the_same(message in "[aA1_ \n/#.é-]{0,40}", go: bool) {
        let project = if go { GO } else { NET };
        prop_assert_eq!(found(message.as_bytes(), project), slow_refs(message.as_bytes(), project));
    }
}
