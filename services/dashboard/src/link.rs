//! Links from page to page. Every one keeps the moment that is looked at (`at=`), and everything
//! from outside is percent-encoded in it. Depends on nothing of ours.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// One element of a path.
const ELEMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'@')
    .remove(b':')
    .remove(b',');
/// Several, with the slashes between them.
const PATH: &AsciiSet = &ELEMENT.remove(b'/');
/// A value in a query. What is between `at`'s parts stays as people write it.
const VALUE: &AsciiSet = PATH;

/// Makes the links of one page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    /// The moment that is looked at, as it stands in a query; `None` for now.
    pub(crate) at: Option<String>,
}

impl Links {
    /// The board with these parameters; those without a value are left out.
    pub(crate) fn board(&self, params: &[(&str, Option<String>)]) -> String {
        self.to("/".to_owned(), params)
    }

    /// A commit.
    pub(crate) fn commit(&self, repo: &str, hash: &str) -> String {
        let repo = utf8_percent_encode(repo, PATH);
        self.to(format!("/commit/{repo}/{}", element(hash)), &[])
    }

    /// A build.
    pub(crate) fn build(&self, id: &str) -> String {
        self.to(format!("/build/{}", element(id)), &[])
    }

    /// A build's output: the page at the end of `path` (`log`, `log.txt`, `log.ansi`).
    pub(crate) fn output(&self, id: &str, page: &str, params: &[(&str, Option<String>)]) -> String {
        self.to(format!("/build/{}/{page}", element(id)), params)
    }

    fn to(&self, path: String, params: &[(&str, Option<String>)]) -> String {
        let own = params
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        href(path, own.chain(self.at.as_deref().map(|at| ("at", at))))
    }
}

/// A path, already encoded, with parameters.
pub(crate) fn href<'a>(
    path: String,
    params: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut href = path;
    for (index, (name, value)) in params.into_iter().enumerate() {
        href.push(if index == 0 { '?' } else { '&' });
        href.extend(utf8_percent_encode(name, VALUE));
        href.push('=');
        href.extend(utf8_percent_encode(value, VALUE));
    }
    href
}

fn element(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, ELEMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_encoded() {
        let links = Links::default();
        assert_eq!(links.build("a/b?c#d\"<"), "/build/a%2Fb%3Fc%23d%22%3C");
        assert_eq!(
            links.commit("example.com/x y", "12"),
            "/commit/example.com/x%20y/12"
        );
        let params = [("branch", Some("a&b=c/d".to_owned())), ("page", None)];
        assert_eq!(links.board(&params), "/?branch=a%26b%3Dc/d");
        assert_eq!(links.board(&[]), "/");
    }

    #[test]
    fn links_keep_the_moment() {
        let links = Links {
            at: Some("activity:0000.1f3,builds:0000.2c".to_owned()),
        };
        assert_eq!(
            links.build("x"),
            "/build/x?at=activity:0000.1f3,builds:0000.2c"
        );
        let log = links.output("x", "log", &[("from", Some("12".to_owned()))]);
        assert_eq!(
            log,
            "/build/x/log?from=12&at=activity:0000.1f3,builds:0000.2c"
        );
    }
}
