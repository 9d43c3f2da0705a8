//! How a state is shown: always a word with a shape before it, and a colour besides
//! (spec/dashboards.md 5.1).

use forgelog_replay::builds::State;

/// A state's word, shape and class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// What it looks like: the class in the style sheet, which gives the colour.
    pub(crate) class: &'static str,
    /// Before the word; not read aloud. Empty for `ok`, which most are.
    pub(crate) shape: &'static str,
    /// One short word.
    pub(crate) word: &'static str,
}

impl Mark {
    /// Of a build.
    pub(crate) const fn of(state: State) -> Self {
        let (class, shape, word) = match state {
            State::Queued => ("wait", "…", "wait"),
            State::Running => ("run", "▶", "run"),
            State::Ok => ("ok", "", "ok"),
            State::Failed => ("fail", "✗", "fail"),
            State::Timeout => ("fail", "✗", "timeout"),
            State::InfraExhausted => ("infra", "!", "infra"),
            State::Skipped => ("none", "–", "skip"),
            State::Cancelled => ("none", "–", "cancel"),
        };
        Self { class, shape, word }
    }

    /// Of a builder that does not build there.
    pub(crate) const UNTESTED: Self = Self {
        class: "none",
        shape: "•",
        word: "",
    };

    /// Of a builder of which nothing is known there.
    pub(crate) const BLANK: Self = Self {
        class: "blank",
        shape: "",
        word: "",
    };
}

/// Whether the state says that the code, or the way it was built, is broken.
pub(crate) const fn is_failing(state: State) -> bool {
    matches!(
        state,
        State::Failed | State::Timeout | State::InfraExhausted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_states_look_the_same() {
        let mut marks: Vec<String> = State::ALL
            .iter()
            .map(|state| format!("{:?}", Mark::of(*state)))
            .collect();
        marks.extend([Mark::UNTESTED, Mark::BLANK].map(|mark| format!("{mark:?}")));
        marks.sort();
        marks.dedup();
        assert_eq!(marks.len(), State::ALL.len() + 2);
    }
}
