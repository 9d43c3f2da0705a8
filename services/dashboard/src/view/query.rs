//! What the board is asked for (spec/dashboards.md 1.4, 1.7). Equal questions are equal values.

use proto::GitHash;

use crate::params::Params;
use crate::refusal::Refusal;

/// Commits on a page.
pub(crate) const PAGE_COMMITS: usize = 30;

/// Commits that pages reach back to.
const PAGED_COMMITS_MAX: usize = 10_000;

/// Commits that can be asked for by name at once.
const HASHES_MAX: usize = 300;

/// A question to the board.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BoardQuery {
    /// How it is shown.
    pub(crate) mode: Mode,
    /// From 0, the newest.
    pub(crate) page: usize,
    /// The repository; `None` is the main one.
    pub(crate) repo: Option<String>,
    /// The branch.
    pub(crate) branch: Option<String>,
    /// Exactly these commits.
    pub(crate) hashes: Vec<GitHash>,
}

/// How the board is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To people.
    #[default]
    Html,
    /// To the original's programs.
    Json,
    /// To the original's programs, the failures alone.
    Failures,
}

impl BoardQuery {
    /// Reads the parameters; those of other pages are not looked at.
    pub(crate) fn parse(params: &Params) -> Result<Self, Refusal> {
        let page: usize = params.number("page")?.unwrap_or(0);
        if page.saturating_mul(PAGE_COMMITS) >= PAGED_COMMITS_MAX {
            return Err(Refusal::bad(format!(
                "page={page} is too far back: the board goes back {PAGED_COMMITS_MAX} commits."
            )));
        }
        let mut hashes = Vec::new();
        for hash in params.all("hash") {
            let parsed = hash.parse().map_err(|_| {
                Refusal::bad(format!(
                    "hash={} is not the 40 hex digits of a commit.",
                    crate::text::label(hash, 100)
                ))
            })?;
            hashes.push(parsed);
        }
        if hashes.len() > HASHES_MAX {
            return Err(Refusal::bad(format!(
                "More than {HASHES_MAX} commits at once."
            )));
        }
        Ok(Self {
            mode: Mode::parse(params)?,
            page,
            repo: params.get("repo").map(str::to_owned),
            branch: params.get("branch").map(str::to_owned),
            hashes,
        })
    }

    /// The same question with another page, as parameters.
    pub(crate) fn params(&self, page: usize) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("repo", self.repo.clone()),
            ("branch", self.branch.clone()),
            ("page", (page > 0).then(|| page.to_string())),
        ]
    }
}

impl Mode {
    /// Reads it alone, so that even an error is shown as it should be.
    pub(crate) fn parse(params: &Params) -> Result<Self, Refusal> {
        match params.get("mode") {
            None => Ok(Self::Html),
            Some("json") => Ok(Self::Json),
            Some("failures") => Ok(Self::Failures),
            Some(mode) => Err(Refusal::bad(format!(
                "mode={} is none: there are mode=json and mode=failures.",
                crate::text::label(mode, 100)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<BoardQuery, Refusal> {
        BoardQuery::parse(&Params::parse(Some(query))?)
    }

    #[test]
    fn questions() {
        assert_eq!(parse("branch=&page=0&at=x").unwrap(), BoardQuery::default());
        let query = parse("mode=json&page=333&repo=x/net&branch=dev").unwrap();
        assert_eq!((query.mode, query.page), (Mode::Json, 333));
        assert_eq!(
            (query.repo.as_deref(), query.branch.as_deref()),
            (Some("x/net"), Some("dev"))
        );
        let hash = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(
            parse(&format!("hash={hash}&hash={hash}"))
                .unwrap()
                .hashes
                .len(),
            2
        );
    }

    #[test]
    fn bad_questions() {
        for query in [
            "page=-1",
            "page=x",
            "page=334",
            "page=99999999999999999999",
            "mode=zzz",
            "hash=0123",
        ] {
            assert!(
                matches!(parse(query), Err(Refusal::Status(status, _)) if status == 400),
                "{query}"
            );
        }
        let many = "hash=0123456789abcdef0123456789abcdef01234567&".repeat(HASHES_MAX + 1);
        assert!(parse(&many).is_err());
    }
}
