//! How a command ended, from an exec's trailers.

use std::fmt;

use http::HeaderMap;

/// How a command that was run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOutcome {
    /// The agent's words: `ok`, `exit status 1`, `signal: killed`, or why the
    /// command could not be started.
    pub state: String,
    /// The exit code, if the command exited.
    pub exit_code: Option<i32>,
    /// The number of the signal that ended the command, if one did and the agent
    /// says which.
    pub signal: Option<i32>,
    /// Whether the agent killed it because [`Exec::timeout`](crate::Exec::timeout)
    /// had passed.
    pub timed_out: bool,
}

impl ExecOutcome {
    /// Whether the command ran and succeeded.
    pub fn success(&self) -> bool {
        self.state == "ok"
    }

    /// `None` without the one trailer that must be there. Agents of the original
    /// send no other; the exit code can be told from it too.
    pub(crate) fn from_trailers(trailers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| {
            let value = trailers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let number = |name: &str| text(name)?.parse().ok();
        let state = text("process-state")?;
        let exit_code = number("x-exit-code").or_else(|| match state.as_str() {
            "ok" => Some(0),
            state => state.strip_prefix("exit status ")?.parse().ok(),
        });
        Some(Self {
            exit_code,
            signal: number("x-signal"),
            timed_out: text("x-timeout").as_deref() == Some("true"),
            state,
        })
    }
}

impl fmt::Display for ExecOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = if self.timed_out { " (timed out)" } else { "" };
        write!(f, "{}{why}", self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(trailers: &[(&'static str, &'static str)]) -> Option<ExecOutcome> {
        let pairs = trailers.iter().map(|(name, value)| {
            let name = http::HeaderName::from_static(name);
            (name, http::HeaderValue::from_static(value))
        });
        ExecOutcome::from_trailers(&pairs.collect())
    }

    #[test]
    fn an_agent_of_the_original() {
        let ok = outcome(&[("process-state", "ok")]).unwrap();
        assert!(ok.success());
        assert_eq!(ok.exit_code, Some(0));
        let failed = outcome(&[("process-state", "exit status 3")]).unwrap();
        assert!(!failed.success());
        assert_eq!(failed.exit_code, Some(3));
        let killed = outcome(&[("process-state", "signal: killed")]).unwrap();
        assert!(!killed.success());
        assert_eq!((killed.exit_code, killed.signal), (None, None));
    }

    #[test]
    fn an_agent_of_ours() {
        let killed = outcome(&[
            ("process-state", "signal: killed"),
            ("x-signal", "9"),
            ("x-timeout", "true"),
        ]);
        let killed = killed.unwrap();
        assert_eq!(killed.signal, Some(9));
        assert!(killed.timed_out);
        assert_eq!(killed.to_string(), "signal: killed (timed out)");
    }

    #[test]
    fn no_state_no_outcome() {
        assert_eq!(outcome(&[]), None);
        assert_eq!(outcome(&[("x-exit-code", "0")]), None);
    }
}
