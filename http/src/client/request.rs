//! From a request to its reply.

use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Instant;

use ringspun_net::Stream;
use ringspun_runtime::time::{now, timeout_at};

use super::builder::ClientBuilder;
use super::connect::{Connect, Tcp};
use super::error::{ClientError, Failure, Phase, What};
use super::exchange::Outgoing;
use super::origin::{Origin, key};
use super::pool::{Found, Lease, Pool};
use super::reply::{PooledHead, Reply};
use super::reply_body::ReplyBody;
use super::rules::Rules;
use crate::message::{Body, Request};
use crate::proto::{Head, Refusal, TargetForm};
use crate::server::alarm::after;
use crate::upgrade::Upgraded;

/// Sends requests and keeps connections for the next ones.
///
/// Cheap to clone; the clones share everything. The connections are closed when the last clone and
/// the last reply are gone.
///
/// # Examples
/// A client and a server in one process, without a socket:
/// ```
/// use std::future::IntoFuture;
/// use ringspun_http::{Client, Request, Router, Server};
/// use ringspun_net::mem;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
/// let (listener, connector) = mem::listener(64 * 1024);
/// let app = Router::new().post("/shout", async |mut request: Request| {
///     Ok::<_, ringspun_http::BodyError>(request.body().text(100).await?.to_uppercase())
/// });
/// let server = Server::from_listener(listener).without_signals().serve(app);
/// ringspun_runtime::spawn(server.into_future());
///
/// let client = Client::builder().connector(connector).build();
/// let request = Request::new("POST", "http://server/shout")?.with_body("hello");
/// let mut reply = client.request(request).await?;
/// assert_eq!(reply.status(), 200);
/// assert_eq!(reply.text(100).await?, "HELLO");
/// assert_eq!(client.idle_connections(), 1, "kept for the next request");
/// # Ok(()) }) }
/// ```
pub struct Client<C: Connect = Tcp> {
    shared: Arc<Shared<C>>,
}

struct Shared<C: Connect> {
    connector: C,
    rules: Arc<Rules>,
    proxy: Option<Proxy>,
    pool: Arc<Pool<C::Stream>>,
}

/// Where all requests go.
struct Proxy {
    origin: Origin,
    key: Box<str>,
}

/// Where one request goes, and in which form.
struct Route<'a> {
    key: Cow<'a, str>,
    form: TargetForm,
    is_secure: bool,
}

impl Client {
    /// A client over TCP with the usual settings.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Settings of a client.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }
}

impl<C: Connect> Client<C> {
    pub(super) fn from_parts(connector: C, rules: Rules, proxy: Option<Origin>) -> Self {
        let rules = Arc::new(rules);
        let pool = Arc::new(Pool::new(Arc::clone(&rules)));
        let proxy = proxy.map(|origin| Proxy {
            key: origin.authority().into(),
            origin,
        });
        Self {
            shared: Arc::new(Shared {
                connector,
                rules,
                proxy,
                pool,
            }),
        }
    }

    /// Asks for a URL with GET. A fragment is left out: it is not the server's matter.
    ///
    /// # Errors
    /// As [`Client::request`]; the URL is not one that can be sent.
    ///
    /// # Cancel safety
    /// As [`Client::request`].
    pub async fn get(&self, url: &str) -> Result<Reply, ClientError> {
        let target = url.split('#').next().unwrap_or_default();
        let request = Request::new("GET", target).map_err(unusable)?;
        self.request(request).await
    }

    /// Sends a request, and waits for the head of the response. The body follows as it is read from
    /// the reply.
    ///
    /// The target must be a whole URL, `http://host:port/path?query`; through a proxy it may also be
    /// the `host:port` of a CONNECT. The Host line is sent as the request has it, which is that of
    /// the URL unless it was replaced. Content-Length and Transfer-Encoding are made from the body.
    /// A request with `Expect: 100-continue` keeps its body back until the server asks for it, for a
    /// second at most.
    ///
    /// A streamed body is sent while this waits for the head, and afterwards while the reply is
    /// read. Any status is a success here, 500 as well.
    ///
    /// # Errors
    /// The request cannot be sent as it is; no connection could be made; the connection failed; the
    /// response breaks a rule; a limit has struck. See [`ClientError`] for the questions it answers,
    /// and the [module](super) for when a request is repeated by itself.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection, if it was begun: whether the server has acted on
    /// the request is not known then.
    ///
    /// # Panics
    /// Outside a runtime.
    pub async fn request(&self, request: Request) -> Result<Reply, ClientError> {
        let shared = &*self.shared;
        let deadline = shared.rules.timeout.map(after);
        let (parts, body) = request.into_parts();
        let route = shared.route(&parts.head)?;
        let is_idempotent = parts.head.method().is_idempotent();
        let mut outgoing = Outgoing::new(body);
        let mut is_repeated = false;
        let mut head = PooledHead::take();
        loop {
            let mut lease = shared
                .connection(&parts.head, &route, is_repeated, deadline)
                .await
                .map_err(|failure| failure.at(&route.key))?;
            let again = outgoing.again();
            let begun = lease
                .exchange
                .begin(&parts.head, route.form, outgoing, deadline);
            let sent = match begun {
                Ok(()) => poll_fn(|cx| lease.exchange.poll_head(head.get_mut(), cx)).await,
                Err(failure) => Err(failure),
            };
            let failure = match sent {
                Ok(()) => return Ok(reply(lease, head)),
                Err(failure) => failure,
            };
            // A new connection that fails was not closed by way of keeping: once is enough.
            let may_repeat = lease.is_used && lease.exchange.may_repeat(&failure, is_idempotent);
            let again = again.or_else(|| lease.exchange.take_body().map(Outgoing::Streamed));
            match again.filter(|_| may_repeat) {
                Some(again) => outgoing = again,
                None => return Err(failure.at(&route.key)),
            }
            tracing::debug!(host = %route.key, "a kept connection was closed; the request is repeated");
            is_repeated = true;
        }
    }

    /// How many connections are kept at the moment while nobody uses them.
    #[must_use]
    pub fn idle_connections(&self) -> usize {
        self.shared.pool.idle()
    }
}

impl<C: Connect> Shared<C> {
    /// Where a request goes.
    fn route<'a>(&'a self, head: &'a Head) -> Result<Route<'a>, ClientError> {
        let refuse = |why| Failure::new(Phase::Request, What::Unusable(why)).at("");
        let authority = head.host().unwrap_or_default();
        match (head.target_form(), &self.proxy) {
            (TargetForm::Absolute, proxy) => {
                let is_secure = head.target().as_bytes()[4] | 0x20 == b's';
                if is_secure && !self.connector.offers_tls() {
                    return Err(refuse(
                        "https needs TLS: give the client a connector that offers it",
                    ));
                }
                match proxy {
                    Some(_) if is_secure => Err(refuse(
                        "https goes through a proxy in a tunnel: ask for it with CONNECT",
                    )),
                    Some(proxy) => Ok(proxy.route(TargetForm::Absolute)),
                    None => Ok(Route {
                        key: key(is_secure, authority),
                        form: TargetForm::Origin,
                        is_secure,
                    }),
                }
            }
            (TargetForm::Authority, Some(proxy)) => Ok(proxy.route(TargetForm::Authority)),
            (TargetForm::Authority, None) => Err(refuse(
                "CONNECT asks a proxy for a tunnel: name the proxy with `ClientBuilder::proxy`",
            )),
            (TargetForm::Origin | TargetForm::Asterisk, _) => Err(refuse(
                "the target names no server: write it as http://host/path",
            )),
        }
    }

    /// A connection for this route.
    async fn connection(
        &self,
        head: &Head,
        route: &Route<'_>,
        fresh: bool,
        deadline: Option<Instant>,
    ) -> Result<Lease<C::Stream>, Failure> {
        let limit = after(self.rules.connect_timeout);
        let limit = deadline.map_or(limit, |deadline| deadline.min(limit));
        // The usual case needs no timer.
        if !fresh && let Some(lease) = self.pool.take_own(&route.key) {
            return Ok(lease);
        }
        let open = async {
            let vacancy = match self.pool.find(&route.key, fresh).await {
                Found::Used(lease) => return Ok(lease),
                Found::Vacancy(vacancy) => vacancy,
            };
            let own;
            let origin = match &self.proxy {
                Some(proxy) => &proxy.origin,
                None => {
                    let authority = head.host().unwrap_or_default();
                    own = Origin::new(route.is_secure, authority).ok_or_else(|| {
                        Failure::new(Phase::Request, What::Refused(Refusal::HostInvalid))
                    })?;
                    &own
                }
            };
            let stream = self.connector.connect(origin).await;
            let stream = stream.map_err(Failure::connect)?;
            Ok(self.pool.lease(stream, &route.key, vacancy))
        };
        timeout_at(limit, open).await.unwrap_or_else(|_| {
            let is_whole = deadline.is_some_and(|deadline| deadline <= now());
            let what = match self.rules.timeout {
                Some(whole) if is_whole => What::Timeout("timeout", whole),
                _ => What::Timeout("connect_timeout", self.rules.connect_timeout),
            };
            Err(Failure::new(Phase::Connect, what))
        })
    }
}

impl Proxy {
    fn route(&self, form: TargetForm) -> Route<'_> {
        Route {
            key: Cow::Borrowed(&self.key),
            form,
            is_secure: false,
        }
    }
}

impl<C: Connect> Clone for Client<C> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Connect> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("rules", &self.shared.rules)
            .field("idle_connections", &self.idle_connections())
            .finish_non_exhaustive()
    }
}

/// The reply, when its head is there.
fn reply<S: Stream>(mut lease: Lease<S>, head: PooledHead) -> Reply {
    if lease.exchange.is_handed_over() {
        let (before, stream) = lease.exchange.into_raw();
        let io = Box::new(Upgraded::new(before, stream, None));
        return Reply::new(head, Body::empty(), Some(io));
    }
    let body = match lease.exchange.whole_content() {
        Some(content) => {
            lease.finish();
            Body::from(content)
        }
        None => {
            let length = lease.exchange.left();
            Body::frames_of_length(ReplyBody::new(lease), length)
        }
    };
    Reply::new(head, body, None)
}

fn unusable(refusal: Refusal) -> ClientError {
    Failure::new(Phase::Request, What::Refused(refusal)).at("")
}
