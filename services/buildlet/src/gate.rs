//! Who may give commands: the password, and the epoch.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use data_encoding::BASE64;
use http::{HeaderMap, StatusCode, header};
use subtle::ConstantTimeEq;

use crate::{Agent, refusal::Refusal};

/// The header in which a coordinator shows its epoch (spec: builds 6.4).
const EPOCH: &str = "x-epoch";

/// Lets a request through to the commands, or answers it.
pub(crate) async fn guard(
    State(agent): State<Arc<Agent>>,
    request: Request,
    next: Next,
) -> Response {
    match admit(&agent, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// The password first: who does not have it must not be able to raise the epoch.
fn admit(agent: &Agent, headers: &HeaderMap) -> Result<(), Refusal> {
    let given = basic_password(headers).unwrap_or_default();
    let is_right: bool = given.ct_eq(agent.password().as_bytes()).into();
    if !is_right {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "invalid password"));
    }
    let Some(epoch) = headers.get(EPOCH) else {
        return Ok(());
    };
    let epoch = epoch.to_str().ok().and_then(|text| text.parse().ok());
    let epoch = epoch.ok_or_else(|| Refusal::bad_request("X-Epoch is not a number"))?;
    agent.enter_epoch(epoch).map_err(|highest| {
        Refusal::new(
            StatusCode::CONFLICT,
            format!(
                "epoch {epoch} is over: this buildlet has taken commands of epoch {highest}, \
                 so another coordinator has taken over"
            ),
        )
    })
}

/// The password of HTTP Basic authentication; the user name does not matter.
fn basic_password(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, credentials) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let mut decoded = BASE64.decode(credentials.trim_ascii()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(decoded.split_off(colon + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        basic_password(&headers).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    fn basic(credentials: &str) -> String {
        format!("Basic {}", BASE64.encode(credentials.as_bytes()))
    }

    #[test]
    fn passwords() {
        assert_eq!(password(&basic("x:secret")).unwrap(), "secret");
        assert_eq!(password(&basic(":a:b")).unwrap(), "a:b");
        assert_eq!(password(&basic("x:").to_lowercase()), None);
        assert_eq!(password("BASIC eDp5").unwrap(), "y");
        for value in ["", "Basic", "Basic !", "Bearer eDp5", &basic("no colon")] {
            assert_eq!(password(value), None, "{value}");
        }
        assert_eq!(basic_password(&HeaderMap::new()), None);
    }
}
