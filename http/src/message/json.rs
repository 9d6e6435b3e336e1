//! JSON bodies, both ways.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::Body;
use super::body_error::BodyError;
use super::into_response::IntoResponse;
use super::request::Request;
use super::response::Response;

/// A value that is sent as JSON: 200 with `application/json`.
///
/// A value that cannot be written as JSON, such as a map whose keys are no strings, becomes 500.
///
/// # Examples
/// ```
/// use ringspun_http::{BodyError, Json, Request};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct Order {
///     item: String,
///     count: u32,
/// }
///
/// #[derive(Serialize)]
/// struct Receipt {
///     text: String,
/// }
///
/// /// What is not an order is answered with 400, 413 or 415, and a text that says why.
/// async fn order(mut request: Request) -> Result<Json<Receipt>, BodyError> {
///     let order: Order = request.json(16 * 1024).await?;
///     let text = format!("{} of {}", order.count, order.item);
///     Ok(Json(Receipt { text }))
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Json<T>(
    /// The value.
    pub T,
);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(text) => Response::json(text),
            Err(error) => {
                tracing::error!(%error, "a response cannot be written as JSON");
                Response::new(http::StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

impl Request {
    /// The body as JSON, at most `limit` bytes of it. It must say that it is JSON, by
    /// `application/json` or a type that ends with `+json`: a page of another site can have a
    /// browser send anything else without asking first.
    ///
    /// # Errors
    /// 415 if it does not say so; else as [`Body::json`].
    ///
    /// # Cancel safety
    /// Not cancel safe: what was read is lost.
    pub async fn json<T: DeserializeOwned>(&mut self, limit: usize) -> Result<T, BodyError> {
        if !self.header("content-type").is_some_and(is_json) {
            return Err(BodyError::NOT_JSON_TYPE);
        }
        self.body().json(limit).await
    }
}

impl Body {
    /// The rest of the body as JSON, at most `limit` bytes of it, whatever the head says it is.
    ///
    /// # Errors
    /// 400 if it is not JSON, or not of this type; 413 if it is larger; or as [`Body::chunk`].
    ///
    /// # Cancel safety
    /// Not cancel safe: what was read is lost.
    pub async fn json<T: DeserializeOwned>(&mut self, limit: usize) -> Result<T, BodyError> {
        let bytes = self.bytes(limit).await?;
        serde_json::from_slice(&bytes).map_err(BodyError::not_json)
    }
}

/// Whether a Content-Type is JSON, with parameters or without.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let Some((kind, subtype)) = essence.split_once('/') else {
        return false;
    };
    let ends_with_json = subtype
        .len()
        .checked_sub(5)
        .and_then(|at| subtype.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case("+json"));
    kind.eq_ignore_ascii_case("application")
        && (subtype.eq_ignore_ascii_case("json") || ends_with_json)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::task::{Context, Poll, Waker};

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Serialize, PartialEq, Debug)]
    struct Order {
        item: String,
        count: u32,
    }

    /// The order, or status and text of the answer.
    fn read(content_type: Option<&str>, body: &'static str) -> Result<Order, (u16, String)> {
        let request = Request::new("POST", "/").unwrap().with_body(body);
        let mut request = match content_type {
            Some(value) => request.try_with_header("content-type", value).unwrap(),
            None => request,
        };
        let order = now(request.json(40));
        order.map_err(|error| {
            let response = error.into_response();
            let status = response.status().as_u16();
            (status, now(response.into_body().text(1000)).unwrap())
        })
    }

    /// Runs a future that is never pending.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("not pending"),
        }
    }

    #[test]
    fn types_that_are_json() {
        for (text, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("application/x+Json ;a=b", true),
            ("application/+json", true),
            ("application/jsonx", false),
            ("text/json", false),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("json", false),
            ("", false),
            ("application/\u{e4}json", false),
        ] {
            assert_eq!(is_json(text), expected, "{text}");
        }
    }

    #[test]
    fn bodies_in_and_out() {
        let json = Some("application/json");
        let order = Order {
            item: "tea".into(),
            count: 2,
        };
        let text = r#"{"item":"tea","count":2}"#;
        assert_eq!(read(json, text), Ok(order));
        let response = Json(Order {
            item: "tea".into(),
            count: 2,
        })
        .into_response();
        assert_eq!(
            response.header("content-type"),
            Some(&b"application/json"[..])
        );
        assert_eq!(response.body().length(), Some(text.len() as u64));
        for (content_type, body, status, reason) in [
            (json, "", 400, "EOF while parsing"),
            (json, "{", 400, "EOF while parsing"),
            (
                json,
                "{\"item\":\"tea\",\"count\":-2}",
                400,
                "invalid value: integer `-2`",
            ),
            (json, "{\"item\":\"tea\"}", 400, "missing field `count`"),
            (
                json,
                "{\"item\":\"tea\",\"count\":2} x",
                400,
                "trailing characters",
            ),
            (
                json,
                "{\"item\":\"tea and coffee and more\",\"count\":2}",
                413,
                "larger",
            ),
            (None, "{}", 415, "application/json"),
            (Some("text/plain"), "{}", 415, "application/json"),
        ] {
            let (got, text) = read(content_type, body).unwrap_err();
            assert_eq!(got, status, "{body}: {text}");
            assert!(text.contains(reason), "{body}: {text}");
        }
        let odd = BTreeMap::from([(vec![1], 2)]);
        assert_eq!(Json(odd).into_response().status().as_u16(), 500);
    }
}
