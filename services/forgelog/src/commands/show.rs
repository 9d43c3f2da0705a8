//! How values are shown to people on one line of a table. Pure.

use forgelog_replay::Time;
use proto::GitHash;
use std::time::Duration;

/// The first digits of a commit's hash, as git shows them.
pub(crate) fn short(commit: &GitHash) -> String {
    commit.to_string().chars().take(7).collect()
}

/// A duration with as much detail as one wants to know: `0.4s`, `12.3s`, `4m05s`, `2h03m`.
pub(crate) fn took(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", took.as_secs_f64()),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A moment to the second.
pub(crate) fn time(time: Time) -> String {
    Time::from_unix_seconds(time.unix_seconds()).to_string()
}

/// Somebody's text in at most `width` characters, none of which moves the cursor.
pub(crate) fn line(text: &str, width: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = clean.clone().take(width).collect();
    if clean.count() > width {
        line.pop();
        line.push('…');
    }
    line
}

/// Somebody's text of several lines, none of which moves the cursor elsewhere.
pub(crate) fn text(text: &str) -> String {
    let clean = |c: char| match c {
        '\n' | '\t' => Some(c),
        '\r' => None,
        c if c.is_control() => Some(' '),
        c => Some(c),
    };
    let clean: String = text.chars().filter_map(clean).collect();
    clean.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_lose_detail_as_they_grow() {
        for (millis, text) in [
            (0, "0.0s"),
            (440, "0.4s"),
            (12_300, "12.3s"),
            (245_000, "4m05s"),
            (7_380_000, "2h03m"),
            (400_000_000, "111h06m"),
        ] {
            assert_eq!(took(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn long_and_wild_texts_fit_on_a_line() {
        assert_eq!(line("fits", 4), "fits");
        assert_eq!(line("too long", 4), "too…");
        assert_eq!(line("a\u{1b}[31m\nb", 20), "a [31m b");
        assert_eq!(line("äöüß", 3), "äö…");
    }

    #[test]
    fn texts_keep_their_lines_and_nothing_wilder() {
        assert_eq!(text("a\r\n\tb\u{1b}[2J\n\n"), "a\n\tb [2J");
    }

    #[test]
    fn moments_are_to_the_second() {
        assert_eq!(
            time(Time::new(1_000_000_000, 999_999_999)),
            "2001-09-09T01:46:40Z"
        );
    }
}
