//! The query of a request as pairs. Depends on nothing of ours.

use crate::refusal::Refusal;

/// More parameters than this are a mistake.
const PARAMS_MAX: usize = 1000;

/// The parameters of a request, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Of a query, which is without its `?`.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Refusal> {
        let query = query.unwrap_or_default();
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .take(PARAMS_MAX + 1)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if pairs.len() > PARAMS_MAX {
            return Err(Refusal::bad(format!("More than {PARAMS_MAX} parameters.")));
        }
        Ok(Self { pairs })
    }

    /// The parameter's first value; a form sends an empty one for a field that was not filled in.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a parameter that are not empty.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.pairs.iter().filter(move |pair| pair.0 == name);
        named
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// All but one parameter.
    pub(crate) fn without(&self, name: &str) -> Vec<(String, String)> {
        let others = self
            .pairs
            .iter()
            .filter(|pair| pair.0 != name && !pair.1.is_empty());
        others.cloned().collect()
    }

    /// The parameter as a number.
    pub(crate) fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        // A number with a sign is none.
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        match value.parse() {
            Ok(number) if digits => Ok(Some(number)),
            _ => Err(Refusal::bad(format!(
                "{name}={value} is not a number that can be used here."
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let params = Params::parse(Some("a=1&b=x%20y&a=2&c=&d")).unwrap();
        assert_eq!(params.get("b"), Some("x y"));
        assert_eq!(params.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(params.get("c"), None);
        assert_eq!(params.without("a"), [("b".to_owned(), "x y".to_owned())]);
        assert_eq!(Params::parse(None).unwrap(), Params::default());
        assert!(Params::parse(Some(&"a&".repeat(PARAMS_MAX + 1))).is_err());
    }

    #[test]
    fn numbers_have_digits_only() {
        let params = Params::parse(Some("a=12&b=-1&c=x&d=+1&e=4294967296&f=1.5")).unwrap();
        assert_eq!(params.number::<u32>("a").unwrap(), Some(12));
        assert_eq!(params.number::<u32>("z").unwrap(), None);
        for name in ["b", "c", "d", "e", "f"] {
            assert!(params.number::<u32>(name).is_err(), "{name}");
        }
    }
}
