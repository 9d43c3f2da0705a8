//! Form bodies and query strings: `application/x-www-form-urlencoded`, where the
//! same key may come many times and the order counts.

use axum::body::Body;

use crate::{Limits, refusal::Refusal, upload};

/// Pairs beyond this make a form a mistake or an attack.
const PAIRS_MAX: usize = 64 << 10;

/// The pairs of a form, in their order.
#[derive(Debug, Default)]
pub(crate) struct Form {
    pairs: Vec<(String, String)>,
}

impl Form {
    /// Reads a request's body to its end.
    pub(crate) async fn read(body: Body, limits: &Limits) -> Result<Self, Refusal> {
        let bytes = upload::read_all(body, limits.form_bytes_max, limits.body_idle).await?;
        Self::parse(&bytes)
    }

    /// The pairs of a query string.
    pub(crate) fn query(query: Option<&str>) -> Result<Self, Refusal> {
        Self::parse(query.unwrap_or_default().as_bytes())
    }

    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut pairs = Vec::new();
        for (key, value) in form_urlencoded::parse(bytes) {
            if pairs.len() == PAIRS_MAX {
                return Err(Refusal::bad_request(format!(
                    "a form of more than {PAIRS_MAX} fields"
                )));
            }
            pairs.push((key.into_owned(), value.into_owned()));
        }
        Ok(Self { pairs })
    }

    /// The first value of a key; empty if there is none.
    pub(crate) fn first(&self, key: &str) -> &str {
        self.all(key).next().unwrap_or_default()
    }

    /// All values of a key.
    pub(crate) fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        let of_key = self.pairs.iter().filter(move |(known, _)| known == key);
        of_key.map(|(_, value)| value.as_str())
    }

    /// A flag, in the spellings that the original takes for true. Anything else
    /// is false.
    pub(crate) fn flag(&self, key: &str) -> bool {
        let value = self.first(key);
        matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_keep_their_order() {
        let form = Form::parse(b"arg=b&x=1&arg=a+c&arg=%2Fd%26&flag=True&arg=").unwrap();
        let args: Vec<&str> = form.all("arg").collect();
        assert_eq!(args, ["b", "a c", "/d&", ""]);
        assert_eq!(form.first("arg"), "b");
        assert_eq!(form.first("none"), "");
        assert!(form.flag("flag") && form.flag("x") && !form.flag("none"));
    }

    #[test]
    fn too_many_fields() {
        let mut body = b"a&".repeat(PAIRS_MAX);
        assert_eq!(Form::parse(&body).unwrap().pairs.len(), PAIRS_MAX);
        body.extend(b"a");
        assert!(Form::parse(&body).is_err());
    }
}
