//! The real transport, with answers that a cassette loses turned into failed sends: a mock server cannot close its socket.

use std::sync::Arc;

use rightful_core::{
    Error, ErrorKind, Randomness, Request, ReqwestTransport, Response, SendError, Transport, TransportOptions, async_trait,
};

use crate::player::LOST_HEADER;

#[derive(Debug)]
struct LosesAnswers(Arc<dyn Transport>);

#[async_trait]
impl Transport for LosesAnswers {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let response = self.0.send(request).await?;
        match response.header(LOST_HEADER) {
            None => Ok(response),
            Some(fate) => Err(SendError {
                may_have_acted: fate == "after-acting",
                error: Error::new(ErrorKind::Unavailable, "the connection closed before the answer was read"),
            }),
        }
    }
}

/// The real transport, as the runner uses it for a vendor on loopback.
pub(crate) fn real() -> Arc<dyn Transport> {
    let options = TransportOptions { allow_private: true, ..TransportOptions::default() };
    Arc::new(ReqwestTransport::new(options).expect("a transport without proxy can be set up"))
}

/// The real transport over which a cassette is replayed.
pub(crate) fn replaying() -> Arc<dyn Transport> {
    Arc::new(LosesAnswers(real()))
}

/// Randomness that is always the same, so that waits can be stated exactly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoJitter;

impl Randomness for NoJitter {
    fn next(&self) -> u64 {
        0
    }
}
