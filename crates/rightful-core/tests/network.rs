//! The real transport on real sockets of this machine.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![cfg(feature = "reqwest")]

use std::time::Duration;

use rightful_core::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that reads one request and answers with these bytes, then hangs up; it hands back what it read.
async fn serve(answer: &'static [u8]) -> (Url, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/path?key=hidden", listener.local_addr().unwrap())).unwrap();
    let task = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut seen = vec![0; 4096];
        let length = socket.read(&mut seen).await.unwrap();
        socket.write_all(answer).await.unwrap();
        String::from_utf8_lossy(&seen[..length]).into_owned()
    });
    (url, task)
}

fn request(url: Url) -> Request {
    Request {
        method: Method::POST,
        url,
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"body"),
        timeout: Duration::from_secs(5),
        body_cap: 64,
    }
}

fn transport(allow_private: bool) -> ReqwestTransport {
    ReqwestTransport::new(TransportOptions { allow_private, ..TransportOptions::default() }).unwrap()
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let (url, seen) = serve(b"HTTP/1.1 203 Fine\r\ncontent-length: 2\r\nx-a: b\r\n\r\nok").await;
    let response = transport(true).send(request(url)).await.unwrap();
    assert_eq!((response.status.as_u16(), response.header("x-a"), response.text().unwrap()), (203, Some("b"), "ok"));
    let seen = seen.await.unwrap().to_lowercase();
    assert!(seen.starts_with("post /path?key=hidden http/1.1") && seen.contains("accept-encoding: gzip"), "{seen}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let (url, _) = serve(b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(transport(true).send(request(url)).await.unwrap().status.as_u16(), 307);
}

#[tokio::test]
async fn private_addresses_are_refused_by_number_and_by_name() {
    let (url, _) = serve(b"").await;
    let port = url.port().unwrap();
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"] {
        let url = Url::parse(&format!("http://{host}:{port}/?key=hidden")).unwrap();
        let failed = transport(false).send(request(url)).await.unwrap_err();
        assert_eq!((failed.error.kind(), failed.may_have_acted), (ErrorKind::Config, false), "{host}: {failed:?}");
        assert!(failed.error.mend().unwrap().contains("allow_private") && !format!("{failed:?}").contains("hidden"), "{failed:?}");
    }
}

#[tokio::test]
async fn failures_say_whether_the_vendor_may_have_acted() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Url::parse(&format!("http://{}/?key=hidden", listener.local_addr().unwrap())).unwrap()
    };
    let unknown = Url::parse("http://no-such-host.invalid/?key=hidden").unwrap();
    let (hangs_up, _) = serve(b"").await;
    let (half_head, _) = serve(b"HTTP/1.1 200 OK\r\ncontent-le").await;
    let (half_body, _) = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf").await;
    let (not_gzip, _) = serve(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nhalf").await;
    let table = [
        ("nobody listens", closed, ErrorKind::Unavailable, false),
        ("no such name", unknown, ErrorKind::Unavailable, false),
        ("hangs up", hangs_up, ErrorKind::Unavailable, true),
        ("half a head", half_head, ErrorKind::Unavailable, true),
        ("half a body", half_body, ErrorKind::Unavailable, true),
        ("not gzip", not_gzip, ErrorKind::Protocol, true),
    ];
    for (what, url, kind, may_have_acted) in table {
        let failed = transport(true).send(request(url)).await.unwrap_err();
        assert_eq!((failed.error.kind(), failed.may_have_acted), (kind, may_have_acted), "{what}: {failed:?}");
        assert!(!format!("{failed:?} {}", failed.error).contains("hidden"), "{what}: {failed:?}");
    }
}

#[tokio::test]
async fn a_silent_vendor_may_have_acted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let failed = transport(true).send(Request { timeout: Duration::from_millis(100), ..request(url) }).await.unwrap_err();
    assert_eq!((failed.error.kind(), failed.may_have_acted), (ErrorKind::Unavailable, true), "{failed:?}");
}

#[tokio::test]
async fn a_body_above_the_cap_is_not_read_to_its_end() {
    let (url, _) = serve(b"HTTP/1.1 200 OK\r\n\r\n0123456789012345678901234567890123456789012345678901234567890123456789").await;
    let failed = transport(true).send(request(url)).await.unwrap_err();
    assert_eq!((failed.error.kind(), failed.may_have_acted), (ErrorKind::Protocol, true));

    // The cap holds for what comes out of the compression: 1,000 letters in 29 bytes.
    let bomb: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 29\r\n\r\n\
        \x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x4c\x1c\x05\xa3\x60\x14\x0c\x77\x00\x00\x03\xda\x38\x9a\xe8\x03\x00\x00";
    let (url, _) = serve(bomb).await;
    let failed = transport(true).send(request(url)).await.unwrap_err();
    assert_eq!(failed.error.kind(), ErrorKind::Protocol);
    assert!(failed.error.message().contains("larger than 64"), "{failed:?}");
}
