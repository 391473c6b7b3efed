//! The parameters of a question, from a query string or from a JSON object. Each is taken by its
//! name; one that nobody takes is refused, for a misspelt parameter would change the answer silently.

use crate::error::{ApiError, ApiResult};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;
use url::form_urlencoded;

/// Parameters of a request, at most: 64 metrics and what stands beside them.
const MOST: usize = 100;

#[derive(Debug)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Without `site` and `token`, which are read before.
    pub fn from_query(query: Option<&str>) -> ApiResult<Params> {
        let raw = query.unwrap_or_default();
        let has_escapes = raw.contains('%');
        let mut pairs = Vec::new();
        for (name, value) in form_urlencoded::parse(raw.as_bytes()) {
            let is_damaged = |text: &str| has_escapes && text.contains('\u{fffd}');
            if (is_damaged(&name) || is_damaged(&value))
                && !raw.to_ascii_uppercase().contains("%EF%BF%BD")
            {
                let message = "the query string is not UTF-8";
                return Err(ApiError::invalid(name.into_owned(), message));
            }
            if !matches!(&*name, "site" | "token") {
                pairs.push((name.into_owned(), value.into_owned()));
            }
        }
        Params::bounded(pairs)
    }

    /// Texts, numbers and booleans; an array is the parameter several times, null is none.
    pub fn from_json(object: Map<String, Value>) -> ApiResult<Params> {
        let mut pairs = Vec::new();
        for (name, value) in object {
            match value {
                Value::Null => {}
                Value::Array(items) => {
                    for item in items {
                        pairs.push((name.clone(), scalar(&name, item)?));
                    }
                }
                value => {
                    let value = scalar(&name, value)?;
                    pairs.push((name, value));
                }
            }
        }
        Params::bounded(pairs)
    }

    fn bounded(pairs: Vec<(String, String)>) -> ApiResult<Params> {
        match pairs.len() > MOST {
            true => Err(ApiError::invalid("query", "too many parameters")),
            false => Ok(Params { pairs }),
        }
    }

    /// A parameter from the path.
    pub fn with(mut self, name: &str, value: String) -> Params {
        self.pairs.push((String::from(name), value));
        self
    }

    pub fn all(&mut self, name: &str) -> Vec<String> {
        let (taken, left) = std::mem::take(&mut self.pairs)
            .into_iter()
            .partition(|(given, _)| given == name);
        self.pairs = left;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    pub fn one(&mut self, name: &'static str) -> ApiResult<Option<String>> {
        let mut given = self.all(name).into_iter();
        let first = given.next();
        match given.next() {
            Some(_) => Err(ApiError::invalid(name, "is given twice")),
            None => Ok(first),
        }
    }

    pub fn needed(&mut self, name: &'static str) -> ApiResult<String> {
        self.one(name)?
            .ok_or_else(|| ApiError::invalid(name, "is missing"))
    }

    pub fn number(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<usize>,
        default: usize,
    ) -> ApiResult<usize> {
        let Some(text) = self.one(name)? else {
            return Ok(default);
        };
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.ok_or_else(|| {
            let (least, most) = (bounds.start(), bounds.end());
            ApiError::invalid(name, format!("a number from {least} to {most} is accepted"))
        })
    }

    /// Refuses what is left.
    pub fn finish(self, accepted: &str) -> ApiResult<()> {
        match self.pairs.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => {
                let message = format!("is no parameter here; accepted are: {accepted}");
                Err(ApiError::invalid(name, message))
            }
        }
    }
}

fn scalar(name: &str, value: Value) -> ApiResult<String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(bool) => Ok(bool.to_string()),
        _ => Err(ApiError::invalid(
            String::from(name),
            "a text, a number or an array of texts is accepted",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_by_name_and_the_rest_is_refused() {
        let query = "site=shop&window=24h&metric=a&metric=b%26c&limit=5";
        let mut params = Params::from_query(Some(query)).expect("is well");
        assert_eq!(params.needed("window").expect("is there"), "24h");
        assert_eq!(params.all("metric"), ["a", "b&c"]);
        assert_eq!(params.number("limit", 1..=9, 3).expect("fits"), 5);
        params.finish("").expect("nothing is left");

        for (query, field) in [
            ("window=1h&window=2h", "window"),
            ("", "window"),
            ("window=1h&limit=0", "limit"),
            ("window=1h&limit=-1", "limit"),
            ("window=1h&other=1", "other"),
            ("window=%ff", "window"),
        ] {
            let refused = Params::from_query(Some(query)).and_then(|mut params| {
                params.needed("window")?;
                params.number("limit", 1..=9, 3)?;
                params.finish("window")
            });
            let error = refused.expect_err(query);
            assert_eq!(error.field.as_deref(), Some(field), "{query}");
        }
    }
}
