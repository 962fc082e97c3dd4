//! Bodies in both directions: read under a cap and decompressed, sent whole or cut short.

use std::future::Future;
use std::io::{Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use super::{CloseSocket, REQUEST_BODY_CAP};

/// Reads a request body to its end, decompressed.
pub(super) async fn read(headers: &HeaderMap, incoming: Incoming) -> Result<Bytes, (StatusCode, String)> {
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, format!("the request body is larger than {REQUEST_BODY_CAP} bytes"));
    if incoming.is_end_stream() {
        return Ok(Bytes::new());
    }
    let body = Limited::new(incoming, REQUEST_BODY_CAP).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            too_large()
        } else {
            (StatusCode::BAD_REQUEST, format!("the request body broke off: {error}"))
        }
    })?;
    let body = body.to_bytes();
    let coding = headers.get(CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap_or("unreadable")).trim().to_ascii_lowercase();
    match coding.as_str() {
        "" | "identity" => Ok(body),
        "gzip" | "x-gzip" => {
            let mut plain = Vec::new();
            let read = MultiGzDecoder::new(&body[..]).take(REQUEST_BODY_CAP as u64 + 1).read_to_end(&mut plain);
            match read {
                Ok(length) if length > REQUEST_BODY_CAP => Err(too_large()),
                Ok(_) => Ok(plain.into()),
                Err(error) => Err((StatusCode::BAD_REQUEST, format!("the request body is not gzip: {error}"))),
            }
        }
        other => Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("content encoding `{other}` is not known; send gzip or none"))),
    }
}

/// The same bytes as gzip.
pub(super) fn compress(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4 + 64), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("writing to memory cannot fail").into()
}

/// An answer's body.
pub(super) enum SimBody {
    /// All of it.
    Whole(Bytes),
    /// Half of it, then a moment for it to leave the machine, then an error that closes the socket.
    Half(Bytes),
    /// The moment.
    Leaving(Pin<Box<Sleep>>),
}

impl SimBody {
    pub(super) fn whole(body: Bytes) -> Self {
        Self::Whole(body)
    }

    pub(super) fn truncated(body: Bytes) -> Self {
        let half = body.len() / 2;
        Self::Half(body.slice(..half))
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = CloseSocket;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CloseSocket>>> {
        match &mut *self {
            Self::Whole(body) if body.is_empty() => Poll::Ready(None),
            Self::Whole(body) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(body))))),
            Self::Half(body) => {
                let half = std::mem::take(body);
                *self = Self::Leaving(Box::pin(tokio::time::sleep(Duration::from_millis(5))));
                if half.is_empty() { self.poll_frame(context) } else { Poll::Ready(Some(Ok(Frame::data(half)))) }
            }
            Self::Leaving(moment) => moment.as_mut().poll(context).map(|()| Some(Err(CloseSocket))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(body) if body.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.len() as u64),
            Self::Half(_) | Self::Leaving(_) => SizeHint::default(),
        }
    }
}
