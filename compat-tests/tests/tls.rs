//! tokio-rustls on our streams, with certificates on both sides, and the application behind it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::Listener;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use ringspun::net::compat::{ForHyper, FromTokio, HyperRuntime};
use ringspun::net::{Acceptor, TcpStream};
use ringspun_compat_tests::app::app;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// One authority, a certificate for the server, and one for the client.
struct Certificates {
    roots: Arc<RootCertStore>,
    server: (CertificateDer<'static>, PrivateKeyDer<'static>),
    client: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

impl Certificates {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let issue = |name: &str| {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new([name.to_owned()]).expect("parameters");
            let certificate = params.signed_by(&key, &authority).expect("a certificate");
            let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
            (certificate.der().clone(), key)
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).expect("a root");
        Self {
            roots: Arc::new(roots),
            server: issue("localhost"),
            client: issue("a client"),
        }
    }

    fn acceptor(&self) -> TlsAcceptor {
        let verifier = WebPkiClientVerifier::builder(self.roots.clone()).build();
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier.expect("a verifier"))
            .with_single_cert(vec![self.server.0.clone()], self.server.1.clone_key());
        TlsAcceptor::from(Arc::new(config.expect("a configuration")))
    }

    fn connector(&self, shows_itself: bool) -> TlsConnector {
        let config = ClientConfig::builder().with_root_certificates(self.roots.clone());
        let config = if shows_itself {
            config.with_client_auth_cert(vec![self.client.0.clone()], self.client.1.clone_key())
        } else {
            Ok(config.with_no_client_auth())
        };
        TlsConnector::from(Arc::new(config.expect("a configuration")))
    }
}

/// One request; all that comes back, without the lines that each server writes as it likes.
async fn ask(addr: SocketAddr, connector: TlsConnector) -> io::Result<String> {
    let stream = tokio::net::TcpStream::connect(addr).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = connector.connect(name, stream).await?;
    stream
        .write_all(b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 6\r\n\r\nsecret")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let lines = answer.lines().filter(|line| !line.starts_with("date:"));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// The model: axum's own listener trait.
struct TlsListener {
    listener: tokio::net::TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

#[test]
fn both_sides_show_their_certificates() {
    let certificates = Certificates::new();
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    let ask = |addr, shows_itself| {
        let connector = certificates.connector(shows_itself);
        tokio.block_on(ask(addr, connector))
    };

    let model = tokio.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("listens");
        let acceptor = certificates.acceptor();
        let listener = TlsListener { listener, acceptor };
        let addr = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app()).await });
        addr
    });

    let runtime = ringspun::Builder::new()
        .cores(2)
        .build()
        .expect("a runtime");
    let (serving, ours) = runtime.block_on(async {
        let acceptor = Acceptor::bind("127.0.0.1:0").expect("listens");
        let addr = acceptor.local_addr().expect("an address");
        let (tls, app) = (certificates.acceptor(), app());
        let serving = acceptor.serve(move |stream: TcpStream, _session| {
            let (tls, app) = (tls.clone(), app.clone());
            async move {
                // A client that shows nothing is the client's affair.
                let Ok(stream) = tls.accept(stream).await else {
                    return;
                };
                let io = ForHyper::new(FromTokio::new(stream));
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(HyperRuntime::new())
                    .serve_connection(io, TowerToHyperService::new(app));
                connection.await.expect("served");
            }
        });
        (serving, addr)
    });

    let answer = ask(model, true).expect("an answer");
    assert!(answer.ends_with("\n\nsecret"), "{answer}");
    assert_eq!(ask(ours, true).expect("an answer"), answer);
    for addr in [model, ours] {
        // TLS 1.3 lets the client begin before it is refused.
        ask(addr, false).expect_err("no certificate");
    }
    assert_eq!(ask(ours, true).expect("an answer"), answer);
    runtime.block_on(async {
        serving.shut_down(std::time::Duration::from_secs(60)).await;
    });
}
