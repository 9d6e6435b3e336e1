//! The router: path and method to handler.
//!
//! Patterns are split at their slashes and kept as a tree with one node for each segment. A
//! lookup walks down the tree with the segments of the path; at each node it tries the text
//! itself, then a parameter, then the rest of the path, and goes back up if that leads nowhere.
//! It allocates nothing: parameters are recorded as positions in the request target.
//!
//! A pattern that is nothing but text goes before all others that match, so the paths that such a
//! pattern stands for are looked up whole first.

mod pattern;
mod route;
mod texts;
mod tree;

use std::fmt;
use std::sync::Arc;

use http::{Method, StatusCode};
use ringspun_runtime::task::PooledFuture;

pub use self::pattern::RouteError;
use self::pattern::Segment;
use self::route::{Endpoint, Route};
use self::texts::Texts;
use self::tree::{Node, RouteIndex};
use crate::handler::{Handler, RouteLimits, ready};
use crate::message::{Request, Response};
use crate::proto::{Head, Span, TargetForm};

/// Answers each request with the handler of its path and method.
///
/// | pattern | matches | parameters |
/// |---|---|---|
/// | `/users` | exactly that; not `/users/` | |
/// | `/users/{id}` | one segment that is not empty | `id` |
/// | `/files/{*path}` | all the rest, which is not empty | `path` |
///
/// Of several patterns that match, plain text goes before `{id}`, and that before `{*path}`,
/// segment by segment from the left. A path is percent-decoded segment by segment before it is
/// compared, so that `/caf%C3%A9` matches `/café`, and an encoded slash separates nothing.
///
/// Without being told, the router answers HEAD with the handler of GET (the server leaves the
/// body out), OPTIONS with 204 and `Allow`, a method that the path has not with 405 and `Allow`,
/// and what no pattern matches with 404 or the [fallback](Router::fallback).
///
/// # Examples
/// ```
/// use ringspun_http::{Request, Response, Router};
///
/// async fn user(request: Request) -> Response {
///     let id = request.param("id").unwrap_or_default();
///     Response::text(format!("user {id}\n"))
/// }
///
/// let app = Router::new()
///     .get("/", async |_| "home\n")
///     .get("/users/{id}", user)
///     .post("/users", async |mut request: Request| request.body().bytes(1024).await)
///     .fallback(async |_| "nothing here\n");
/// ```
#[derive(Clone, Default)]
pub struct Router {
    /// The routes of all patterns.
    routes: Vec<Route>,
    /// From patterns to routes.
    root: Node,
    /// The same for patterns that are nothing but text, whole.
    plain: Texts<RouteIndex>,
    /// All routes in the order in which they were added, for [`Router::nest`].
    added: Vec<Added>,
    fallback: Option<Arc<dyn Handler>>,
    /// Some route may have limits of its own, so that they are looked up for each request.
    is_limited: bool,
}

#[derive(Clone)]
struct Added {
    method: Option<Method>,
    pattern: Box<str>,
    handler: Arc<dyn Handler>,
}

impl Router {
    /// A router that answers everything with 404.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route for one method.
    ///
    /// # Panics
    /// As [`Router::try_route`] fails.
    #[must_use]
    pub fn route(mut self, method: Method, pattern: &str, handler: impl Handler) -> Self {
        self.try_route(Some(method), pattern, handler)
            .unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// Adds a route for GET, which also answers HEAD.
    ///
    /// # Panics
    /// As [`Router::try_route`] fails.
    #[must_use]
    pub fn get(self, pattern: &str, handler: impl Handler) -> Self {
        self.route(Method::GET, pattern, handler)
    }

    /// Adds a route for POST.
    ///
    /// # Panics
    /// As [`Router::try_route`] fails.
    #[must_use]
    pub fn post(self, pattern: &str, handler: impl Handler) -> Self {
        self.route(Method::POST, pattern, handler)
    }

    /// Adds a route for PUT.
    ///
    /// # Panics
    /// As [`Router::try_route`] fails.
    #[must_use]
    pub fn put(self, pattern: &str, handler: impl Handler) -> Self {
        self.route(Method::PUT, pattern, handler)
    }

    /// Adds a route for PATCH.
    ///
    /// # Panics
    /// As [`Router::try_route`] fails.
    #[must_use]
    pub fn patch(self, pattern: &str, handler: impl Handler) -> Self {
        self.route(Method::PATCH, pattern, handler)
    }

    /// Adds a route for DELETE.
    ///
    /// # Panics
    /// As [`Router::try_route`] fails.
    #[must_use]
    pub fn delete(self, pattern: &str, handler: impl Handler) -> Self {
        self.route(Method::DELETE, pattern, handler)
    }

    /// Adds a route for all methods that have none of their own.
    ///
    /// # Panics
    /// As [`Router::try_route`] fails.
    #[must_use]
    pub fn any(mut self, pattern: &str, handler: impl Handler) -> Self {
        self.try_route(None, pattern, handler)
            .unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// Adds a route for a method, or for all without one; for patterns that come from outside the
    /// program.
    ///
    /// # Errors
    /// The pattern is malformed, or has this method already. The router is as it was then.
    pub fn try_route(
        &mut self,
        method: Option<Method>,
        pattern: &str,
        handler: impl Handler,
    ) -> Result<(), RouteError> {
        self.insert(method, pattern, Arc::new(handler))
    }

    /// Answers what no pattern matches. The paths of [`Router::nest`]ed routers included.
    #[must_use]
    pub fn fallback(mut self, handler: impl Handler) -> Self {
        self.is_limited |= handler.has_route_limits();
        self.fallback = Some(Arc::new(handler));
        self
    }

    /// Adds all routes of another router below a prefix such as `/api`, which may have parameters.
    /// The other's `/` becomes the prefix itself. Its fallback is not taken over.
    ///
    /// # Panics
    /// As [`Router::try_route`] fails.
    #[must_use]
    pub fn nest(mut self, prefix: &str, other: Self) -> Self {
        let prefix = prefix.trim_end_matches('/');
        for Added {
            method,
            pattern,
            handler,
        } in other.added
        {
            let pattern = if *pattern == *"/" { "" } else { &pattern };
            let whole = format!("{prefix}{pattern}");
            let whole = if whole.is_empty() { "/" } else { &whole };
            self.insert(method, whole, handler)
                .unwrap_or_else(|error| panic!("{error}"));
        }
        self
    }

    fn insert(
        &mut self,
        method: Option<Method>,
        pattern: &str,
        handler: Arc<dyn Handler>,
    ) -> Result<(), RouteError> {
        let parsed = pattern::parse(pattern)?;
        let endpoint = Endpoint {
            names: parsed.names,
            handler: Arc::clone(&handler),
        };
        let entry = self.root.entry(&parsed.segments);
        let index = *entry.get_or_insert(self.routes.len());
        if index == self.routes.len() {
            self.routes.push(Route::default());
        }
        if !self.routes[index].add(method.clone(), endpoint) {
            return Err(RouteError::repeated(pattern));
        }
        let is_text = |segment: &Segment<'_>| matches!(segment, Segment::Text(_));
        if parsed.segments.iter().all(is_text) {
            *self.plain.get_or_default(pattern) = index;
        }
        self.is_limited |= handler.has_route_limits();
        self.added.push(Added {
            method,
            pattern: pattern.into(),
            handler,
        });
        Ok(())
    }

    /// The route of a path. Records its parameters.
    fn find(&self, head: &Head, params: &mut Vec<Span>) -> Option<&Route> {
        let path = head.path();
        let index = match self.plain.get(path) {
            Some(index) => *index,
            None => {
                // Of an absolute target without a path nothing is recorded: it stands for the root.
                let start = head.path_span().range().start + 1;
                self.root.find(path.strip_prefix('/')?, start, params)?
            }
        };
        Some(&self.routes[index])
    }

    fn answer(&self, mut request: Request) -> PooledFuture<Response> {
        let parts = &mut **request.parts_mut();
        let Some(route) = self.find(&parts.head, &mut parts.params) else {
            return self.answer_unmatched(request);
        };
        let endpoint = match route.get(request.method()) {
            Some(endpoint) => endpoint,
            None if *request.method() == Method::OPTIONS => {
                return ready(allow(route, StatusCode::NO_CONTENT));
            }
            None => return ready(allow(route, StatusCode::METHOD_NOT_ALLOWED)),
        };
        if !endpoint.names.is_empty() {
            request.parts_mut().names = Some(Arc::clone(&endpoint.names));
        }
        endpoint.handler.call(request)
    }

    #[cold]
    fn answer_unmatched(&self, request: Request) -> PooledFuture<Response> {
        match &self.fallback {
            _ if request.target_form() == TargetForm::Asterisk => {
                ready(Response::new(StatusCode::NO_CONTENT))
            }
            Some(fallback) => fallback.call(request),
            None => ready(Response::text("not found\n").with_status(StatusCode::NOT_FOUND)),
        }
    }
}

impl Handler for Router {
    fn call(&self, request: Request) -> PooledFuture<Response> {
        self.answer(request)
    }

    fn has_route_limits(&self) -> bool {
        self.is_limited
    }

    fn route_limits(&self, head: &Head) -> RouteLimits {
        let handler = match self.find(head, &mut Vec::new()) {
            Some(route) => route.get(head.method()).map(|endpoint| &endpoint.handler),
            None => self.fallback.as_ref(),
        };
        handler.map_or_else(RouteLimits::default, |handler| handler.route_limits(head))
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.added.iter().map(|added| {
            let method = added.method.as_ref().map_or("*", Method::as_str);
            (method, &added.pattern)
        });
        f.debug_list().entries(routes).finish()
    }
}

/// An answer that tells the methods of the path.
fn allow(route: &Route, status: StatusCode) -> Response {
    let mut response = Response::new(status);
    // Methods are tokens, so the line is sound.
    let _ = response.add_header("allow", route.allow().as_bytes());
    response
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A handler that tells its name and the parameters.
    fn named(name: &'static str, params: &'static [&'static str]) -> impl Handler {
        move |request: Request| async move {
            let params = params.iter().map(|param| {
                format!(
                    " {param}={}",
                    request.param(param).unwrap_or_else(|| "?".into())
                )
            });
            format!("{name}{}", params.collect::<String>())
        }
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("not pending"),
        }
    }

    fn ask(app: &Router, method: &str, target: &str) -> (u16, String, String) {
        let response = now(app.call(Request::new(method, target).unwrap()));
        let allow = response.header("allow").unwrap_or_default().to_vec();
        let status = response.status().as_u16();
        let text = now(response.into_body().text(1000)).unwrap();
        (status, text, String::from_utf8(allow).unwrap())
    }

    fn app() -> Router {
        Router::new()
            .get("/", named("root", &[]))
            .get("/users", named("users", &[]))
            .post("/users", named("add", &[]))
            .get("/users/{id}", named("user", &["id"]))
            .delete("/users/{name}", named("remove", &["name", "id"]))
            .get("/users/me", named("me", &[]))
            .get("/users/{id}/posts/{post}", named("post", &["id", "post"]))
            .get("/users/me/photos", named("photos", &[]))
            .get("/files/{*path}", named("file", &["path"]))
            .get("/files/readme", named("readme", &[]))
            .any("/any", named("any", &[]))
            .get("/caf\u{e9}", named("cafe", &[]))
            .get("/slash/", named("slash", &[]))
    }

    #[test]
    fn lookups() {
        let app = app();
        for (target, expected) in [
            ("/", "root"),
            ("/?q", "root"),
            ("http://a", "root"),
            ("http://a?q", "root"),
            ("http://a/users/7", "user id=7"),
            ("/users", "users"),
            ("/users/7", "user id=7"),
            ("/users/7?x=y", "user id=7"),
            ("/users/a%20b", "user id=a b"),
            ("/users/a%2Fb", "user id=a/b"),
            ("/users/me", "me"),
            ("/users/m%65", "me"),
            ("/users/me/posts/1", "post id=me post=1"),
            ("/users/me/photos", "photos"),
            ("/users/7/posts/8", "post id=7 post=8"),
            ("/files/a/b/c", "file path=a/b/c"),
            ("/files/readme", "readme"),
            ("/files/readme/x", "file path=readme/x"),
            ("/files/readme/", "file path=readme/"),
            ("/caf%C3%A9", "cafe"),
            ("/slash/", "slash"),
            ("/any", "any"),
        ] {
            assert_eq!(
                ask(&app, "GET", target),
                (200, expected.to_owned(), String::new()),
                "{target}"
            );
        }
        for target in [
            "/x",
            "/users/",
            "/users//posts/1",
            "/files",
            "/files/",
            "/slash",
            "//",
            "/users/7/",
        ] {
            assert_eq!(ask(&app, "GET", target).0, 404, "{target}");
        }
    }

    #[test]
    fn methods() {
        let app = app();
        assert_eq!(ask(&app, "POST", "/users").1, "add");
        assert_eq!(ask(&app, "HEAD", "/users").1, "users");
        assert_eq!(ask(&app, "DELETE", "/users/7").1, "remove name=7 id=?");
        assert_eq!(ask(&app, "PATCH", "/any").1, "any");
        let allow = "GET, HEAD, POST, OPTIONS".to_owned();
        assert_eq!(
            ask(&app, "PUT", "/users"),
            (405, String::new(), allow.clone())
        );
        assert_eq!(ask(&app, "OPTIONS", "/users"), (204, String::new(), allow));
        assert_eq!(ask(&app, "OPTIONS", "*").0, 204);
        assert_eq!(ask(&app, "CONNECT", "a:443").0, 404);
        assert_eq!(ask(&app, "PUT", "/files/readme").2, "GET, HEAD, OPTIONS");
    }

    #[test]
    fn nesting_and_fallback() {
        let inner = Router::new()
            .get("/", named("index", &["tenant"]))
            .get("/items/{id}", named("item", &["tenant", "id"]));
        let app = Router::new()
            .nest("/api/{tenant}", inner.clone())
            .nest("/", inner);
        let app = app.fallback(named("fallback", &[]));
        assert_eq!(ask(&app, "GET", "/api/x").1, "index tenant=x");
        assert_eq!(ask(&app, "GET", "/api/x/items/3").1, "item tenant=x id=3");
        assert_eq!(ask(&app, "GET", "/items/3").1, "item tenant=? id=3");
        assert_eq!(ask(&app, "GET", "/api").1, "fallback");
        assert_eq!(format!("{app:?}").matches("items").count(), 2);
    }

    #[test]
    fn bad_routes() {
        let mut app = app();
        for pattern in [
            "", "users", "/{", "/{}", "/{a", "/a}", "/x{a}", "/{a}x", "/{*}", "/{*a}/b",
            "/{a}/{a}", "/a?b", "/{a b}", "/a b", "/a#b",
        ] {
            assert!(
                app.try_route(None, pattern, named("", &[])).is_err(),
                "{pattern}"
            );
        }
        let error = app
            .try_route(Some(Method::GET), "/users/{other}", named("", &[]))
            .unwrap_err();
        assert!(error.is_repeated(), "{error}");
        assert_eq!(app.added.len(), 13);
    }

    #[test]
    fn a_path_looked_up_whole_has_the_route_that_the_tree_gives() {
        // All patterns and paths of up to three of these.
        let pieces = ["", "a", "%61", "{x}", "{*y}"];
        let mut patterns = vec![String::new()];
        for at in [0, 1, 6] {
            for old in at..patterns.len() {
                let longer = pieces.map(|piece| format!("{}/{piece}", patterns[old]));
                patterns.extend(longer);
            }
        }
        let mut app = Router::new();
        for pattern in &patterns {
            // Some are no patterns: nothing goes behind the rest.
            let _ = app.try_route(None, pattern, named("", &[]));
        }
        let mut whole = 0;
        for path in patterns.iter().filter(|path| !path.is_empty()) {
            let mut params = Vec::new();
            let by_tree = app.root.find(&path[1..], 1, &mut params);
            if let Some(index) = app.plain.get(path) {
                assert_eq!((by_tree, params.len()), (Some(*index), 0), "{path}");
                whole += 1;
            }
        }
        assert_eq!(whole, 3 + 9 + 27);
    }

    #[test]
    fn many_routes_at_one_level() {
        let mut app = Router::new();
        for number in 0..1000 {
            app.try_route(
                Some(Method::GET),
                &format!("/r{number}/{{id}}"),
                move |_| async move { number.to_string() },
            )
            .unwrap();
        }
        for number in (0..1000).step_by(37) {
            assert_eq!(
                ask(&app, "GET", &format!("/r{number}/x")).1,
                number.to_string()
            );
        }
    }
}
