//! The end of HTTP on a connection: upgrades, tunnels, and connections that are taken over.

use http::StatusCode;

use super::{Around, Ending, Exchange};
use crate::message::{IntoResponse, Response};
use crate::proto::{Head, Refusal, ResponseHead};
use crate::server::service::Service;
use crate::server::take_over::{Opening, Preface};
use crate::upgrade::Switch;

/// The protocols that a client has offered.
pub(super) struct Offers(Box<[Box<[u8]>]>);

impl Offers {
    /// `None` where the head offers nothing, as nearly all do.
    pub(super) fn of(head: &Head) -> Option<Self> {
        if !head.is_upgrade() {
            return None;
        }
        let protocols = head.upgrades().map(|name| name.into());
        Some(Self(protocols.collect()))
    }

    fn have(&self, protocol: &[u8]) -> bool {
        let mut protocols = self.0.iter();
        protocols.any(|offered| offered.eq_ignore_ascii_case(protocol))
    }
}

impl Exchange {
    /// Answers with a change of protocol, if the client and the state of things allow it.
    #[cold]
    pub(super) fn answer_switch<V: Service>(
        &mut self,
        response: Response,
        switch: Box<Switch>,
        around: &mut Around<'_, V>,
    ) {
        if let Some(other) = self.instead_of_switch(&response) {
            return self.answer(other, around);
        }
        let head = ResponseHead {
            status: response.status,
            start: self.starts.of(response.status, response.content_type),
            lines: &response.lines,
        };
        self.conn.send_switch(&head, self.output.batch());
        self.switch = Some(switch);
        self.ending = Some(Ending::Switch);
    }

    /// What is sent where the protocol cannot be changed.
    fn instead_of_switch(&self, response: &Response) -> Option<Response> {
        if !self.conn.is_received() {
            tracing::debug!("a change of protocol behind a body that was not read");
            let refusal = Response::text("The request has a body, which no upgrade may have\n");
            return Some(refusal.with_status(StatusCode::BAD_REQUEST).with_close());
        }
        if response.status.is_success() && self.conn.is_connect() {
            return None;
        }
        if response.status != StatusCode::SWITCHING_PROTOCOLS {
            tracing::error!("a handler has made a tunnel of a request that is not CONNECT");
            return Some(Response::new(StatusCode::INTERNAL_SERVER_ERROR));
        }
        let protocol = response.header("upgrade").unwrap_or_default();
        if self
            .offers
            .as_ref()
            .is_some_and(|offers| offers.have(protocol))
        {
            return None;
        }
        let name = String::from_utf8_lossy(protocol);
        let mut refusal = Refusal::UpgradeRequired.into_response();
        refusal.lines = format!("Connection: Upgrade\r\nUpgrade: {name}\r\n").into_bytes();
        Some(refusal)
    }

    /// Whether another implementation takes the connection over because of the head that was just
    /// received, and whose bytes are still unused.
    pub(super) fn is_taken_over<V: Service>(&mut self, around: &Around<'_, V>) -> bool {
        let Some(other) = &around.rules().take_over else {
            return false;
        };
        let takes = self
            .parts
            .as_ref()
            .is_some_and(|parts| other.wants(Opening::Head(&parts.head)));
        if takes {
            self.ending = Some(Ending::Switch);
        }
        takes
    }

    /// Whether the input is not a request, but the preface of HTTP/2 for somebody who wants it;
    /// `None` if it is too short to tell.
    pub(super) fn is_preface<V: Service>(&mut self, around: &Around<'_, V>) -> Option<bool> {
        let Some(other) = &around.rules().take_over else {
            return Some(false);
        };
        if *around.requests > 0 || !other.wants(Opening::Http2Preface) {
            return Some(false);
        }
        match Preface::of(self.input.unused()) {
            Preface::Whole => {
                self.ending = Some(Ending::Switch);
                Some(true)
            }
            Preface::Begun if !self.is_ended => None,
            Preface::Begun | Preface::No => Some(false),
        }
    }
}
