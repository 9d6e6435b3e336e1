//! Every reason to refuse a message: one row for each, nowhere else.
//!
//! A row is: name, status of the answer, where the rule stands, and one sentence. The code that
//! checks a rule returns the row's name; what the client gets follows from the table. After every
//! refusal the connection is closed, because where the next message begins is in doubt.

use std::fmt;

use http::StatusCode;

macro_rules! refusals {
    ($($name:ident $status:ident $section:literal $text:literal;)+) => {
        /// Why a message is refused. One row of the table each; see [`Refusal::ALL`].
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Refusal {
            $(#[doc = concat!($text, " (", $section, ").")] $name,)+
        }

        impl Refusal {
            /// The whole table, in the order of the messages' parts.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The status that the client is answered with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// Where the rule is written.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self { $(Self::$name => $section,)+ }
            }

            /// The rule that was broken, in one sentence without a full stop.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

refusals! {
    // Request line.
    RequestLine BAD_REQUEST "RFC 9112 3" "The request line is not method, target and version, each after one space";
    MethodTooLong NOT_IMPLEMENTED "RFC 9112 3" "The method is longer than any known method";
    BadVersion BAD_REQUEST "RFC 9112 2.3" "The protocol version is malformed";
    UnsupportedVersion HTTP_VERSION_NOT_SUPPORTED "RFC 9110 15.6.6" "The major version of the protocol is not 1";
    TargetTooLong URI_TOO_LONG "RFC 9110 15.5.15" "The request target is longer than the limit";
    TargetBytes BAD_REQUEST "RFC 9112 3.2" "The request target has a byte that no target may have";
    TargetForm BAD_REQUEST "RFC 9112 3.2" "The request target has none of the four forms, or one that its method may not use";
    EmptyLines BAD_REQUEST "RFC 9112 2.2" "There are too many empty lines before the request line";

    // Header lines.
    BareNewline BAD_REQUEST "RFC 9112 2.2" "A line ends in CR or LF alone";
    HeaderName BAD_REQUEST "RFC 9112 5.1" "A header name is empty, folded, not a token, or has space around it";
    HeaderValue BAD_REQUEST "RFC 9110 5.5" "A header value has a control character";
    HeadTooLarge REQUEST_HEADER_FIELDS_TOO_LARGE "RFC 6585 5" "The head has more bytes than the limit";
    TooManyHeaders REQUEST_HEADER_FIELDS_TOO_LARGE "RFC 6585 5" "The head has more header lines than the limit";
    HeadIncomplete BAD_REQUEST "RFC 9112 8" "The connection ended inside the head";
    HeadTimeout REQUEST_TIMEOUT "RFC 9110 15.5.9" "The head did not arrive in time";

    // Host.
    HostMissing BAD_REQUEST "RFC 9112 3.2" "A request in version 1.1 has no Host";
    HostRepeated BAD_REQUEST "RFC 9112 3.2" "There is more than one Host";
    HostInvalid BAD_REQUEST "RFC 9112 3.2" "Host or the target's authority is not a host with an optional port";

    // Framing.
    LengthInvalid BAD_REQUEST "RFC 9112 6.3" "Content-Length is not a decimal number";
    LengthOverflow BAD_REQUEST "RFC 9110 8.6" "Content-Length does not fit into 64 bits";
    LengthRepeated BAD_REQUEST "RFC 9112 6.3" "Content-Length is given more than once";
    LengthAndCoding BAD_REQUEST "RFC 9112 6.1" "Content-Length and Transfer-Encoding are both given";
    CodingInVersion10 BAD_REQUEST "RFC 9112 6.1" "Transfer-Encoding is given in version 1.0";
    CodingNotLast BAD_REQUEST "RFC 9112 6.3" "The last transfer coding is not chunked, or chunked is applied twice";
    CodingInvalid BAD_REQUEST "RFC 9112 6.1" "Transfer-Encoding is not a list of codings";
    CodingUnknown NOT_IMPLEMENTED "RFC 9112 6.1" "Transfer-Encoding has a coding before chunked";
    ExpectationUnknown EXPECTATION_FAILED "RFC 9110 10.1.1" "Expect has something other than 100-continue";

    // Body.
    ChunkSize BAD_REQUEST "RFC 9112 7.1" "A chunk size is not a hexadecimal number";
    ChunkSizeOverflow BAD_REQUEST "RFC 9112 7.1" "A chunk size does not fit into 64 bits";
    ChunkExtension BAD_REQUEST "RFC 9112 7.1.1" "A chunk extension is malformed";
    ChunkExtensionTooLong BAD_REQUEST "RFC 9112 7.1.1" "The chunk extensions of a body are longer than the limit";
    ChunkEnd BAD_REQUEST "RFC 9112 7.1" "A chunk does not end with CRLF where its size says";
    TrailerInvalid BAD_REQUEST "RFC 9112 7.1.2" "A trailer line is malformed";
    TrailerTooLarge REQUEST_HEADER_FIELDS_TOO_LARGE "RFC 6585 5" "The trailer is larger than the limit";
    BodyTooLarge PAYLOAD_TOO_LARGE "RFC 9110 15.5.14" "The body is larger than the limit";
    BodyIncomplete BAD_REQUEST "RFC 9112 8" "The connection ended inside the body";
    BodyTimeout REQUEST_TIMEOUT "RFC 9110 15.5.9" "The body arrived more slowly than the limit";

    // Responses, as a client gets them.
    StatusLine BAD_GATEWAY "RFC 9112 4" "The status line is not version, status and reason";
    InterimResponses BAD_GATEWAY "RFC 9110 15.2" "There are too many interim responses before the final one";
    SwitchUnasked BAD_GATEWAY "RFC 9110 15.2.2" "The protocol is switched although the request has not asked for it";

    // Service.
    HandlerTimeout SERVICE_UNAVAILABLE "RFC 9110 15.6.4" "The request was not answered in time";
    UpgradeRequired UPGRADE_REQUIRED "RFC 9110 15.5.22" "The resource is served in another protocol, which Upgrade names";
    TunnelUnsupported NOT_IMPLEMENTED "RFC 9110 9.3.6" "No tunnel is offered for CONNECT";
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.section())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_an_error_status_with_its_source() {
        for row in Refusal::ALL {
            let status = row.status();
            assert!(
                status.is_client_error() || status.is_server_error(),
                "{row:?}"
            );
            assert!(row.section().starts_with("RFC "), "{row:?}");
            assert!(!row.text().ends_with('.'), "{row:?}");
        }
    }

    #[test]
    fn display_names_rule_and_section() {
        let text = Refusal::HostMissing.to_string();
        assert_eq!(text, "A request in version 1.1 has no Host (RFC 9112 3.2)");
    }
}
