//! Hears a browser come back from a vendor's sign-in: a listener on this machine alone that takes one answer.

use std::convert::Infallible;
use std::io::ErrorKind as Io;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rightful_core::{Answered, Asked, Error, ErrorKind, Result, Secret, Url};
use tokio::net::{TcpListener, TcpStream};

use crate::output;

/// The port unless another one is chosen. A fixed one: vendors want the whole address registered.
pub const PORT: u16 = 8917;
/// Where browsers come back to.
const PATH: &str = "/callback";
/// How long one connection of a browser may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A listener that waits for a browser.
#[derive(Debug)]
pub struct Callback {
    listener: TcpListener,
    address: Url,
}

impl Callback {
    /// Listens on this machine; port 0 is a free one.
    ///
    /// # Errors
    /// `Conflict` where another program has the port.
    pub async fn listen(port: u16) -> Result<Self> {
        let failed = |error: std::io::Error| match error.kind() {
            Io::AddrInUse => Error::new(ErrorKind::Conflict, format!("port {port} of this machine is in use"))
                .hint(format!("end the program that has it, or choose another: --port PORT, with http://localhost:PORT{PATH} registered")),
            _ => output::io_error(&format!("port {port} of this machine cannot be listened on"), error),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        // By name: vendors that take an address without https take it of `localhost` only.
        let address = Url::parse(&format!("http://localhost:{port}{PATH}")).expect("this is an address whatever the port");
        Ok(Self { listener, address })
    }

    /// Where the vendor has to send the browser.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// The code of the first answer to the question. Whatever else comes is refused, and the wait goes on.
    ///
    /// # Errors
    /// As the vendor refused; `Unavailable` where no answer came in time.
    pub async fn answer(self, asked: &Asked, within: Duration) -> Result<Secret> {
        let heard = async {
            let mut open = FuturesUnordered::new();
            loop {
                tokio::select! {
                    accepted = self.listener.accept() => {
                        let (stream, _) = accepted.map_err(|error| output::io_error("the browser cannot be heard", error))?;
                        open.push(served(stream, asked));
                    }
                    Some(Some(outcome)) = open.next() => return outcome,
                }
            }
        };
        tokio::time::timeout(within, heard).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Unavailable, format!("nobody signed in within {} s", within.as_secs())).hint(format!(
                "begin again, with more time where it is needed: --timeout-seconds SECONDS; where the vendor showed an error, look whether {} is registered there",
                self.address
            )))
        })
    }
}

/// Answers one connection; the outcome, where it brought one, once the browser has its page.
async fn served(stream: TcpStream, asked: &Asked) -> Option<Result<Secret>> {
    let heard = Mutex::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let uri = request.uri();
        let (status, words, outcome) = judged(request.method(), uri.path(), uri.query().unwrap_or_default(), asked);
        if outcome.is_some() {
            *heard.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
        }
        let answer = page(status, words);
        async { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new().keep_alive(false).header_read_timeout(None).serve_connection(TokioIo::new(stream), service);
    // A browser that went away before it had its page has said all the same what it said.
    let _ = tokio::time::timeout(PATIENCE, connection).await;
    heard.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What a request is answered with, and what it brought.
fn judged(method: &Method, path: &str, query: &str, asked: &Asked) -> (StatusCode, &'static str, Option<Result<Secret>>) {
    if path != PATH {
        return (StatusCode::NOT_FOUND, "There is nothing here.", None);
    }
    if method != Method::GET {
        return (StatusCode::METHOD_NOT_ALLOWED, "Only a browser that comes back from the vendor is answered here.", None);
    }
    match asked.answered(query) {
        Answered::Code(code) => {
            (StatusCode::OK, "The vendor's answer has arrived. Close this page: the terminal says how it went on.", Some(Ok(code)))
        }
        Answered::Refused(error) => {
            (StatusCode::OK, "The vendor refused the sign-in. Close this page: the terminal says what to do.", Some(Err(error)))
        }
        Answered::Foreign(why) => {
            tracing::warn!(why, "a request to the callback address was refused");
            (StatusCode::BAD_REQUEST, "This does not belong to the sign-in that is waited for, and nothing came of it.", None)
        }
    }
}

/// A page that runs nothing, is kept nowhere, and passes its address, which holds the code, to nobody.
fn page(status: StatusCode, words: &str) -> Response<String> {
    let text = format!("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Rightful</title><p>{words}</p></html>\n");
    let mut answer = Response::new(text);
    *answer.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use rightful_core::{OAuth2, WebSignIn};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn asked(redirect: &Url) -> (Asked, String) {
        let url = |text: &str| Url::parse(text).unwrap();
        let oauth = OAuth2::signed_in(url("https://login.example/token"), "app", None);
        let asked = WebSignIn { authorize_url: url("https://login.example/authorize"), scopes: &["api"], oauth }.ask(redirect);
        let state = asked.address().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        (asked, state)
    }

    #[test]
    fn only_the_answer_that_is_waited_for_ends_the_wait() {
        let (asked, state) = asked(&Url::parse("http://localhost:8917/callback").unwrap());
        let verdict = |method: Method, address: &str| {
            let address = address.replace("STATE", &state);
            let (path, query) = address.split_once('?').unwrap_or((&address, ""));
            let (status, words, outcome) = judged(&method, path, query, &asked);
            assert!(!words.contains(&state));
            (status.as_u16(), outcome.map(|outcome| outcome.map(|code| code.expose().to_owned()).map_err(|error| error.kind())))
        };
        for (method, address, expected) in [
            (Method::GET, "/callback?code=c&state=STATE", (200, Some(Ok("c".to_owned())))),
            (Method::GET, "/callback?error=access_denied&state=STATE", (200, Some(Err(ErrorKind::Forbidden)))),
            (Method::GET, "/callback?code=c&state=guessed", (400, None)),
            (Method::GET, "/callback?error=access_denied", (400, None)),
            (Method::GET, "/callback", (400, None)),
            (Method::GET, "/callback/?code=c&state=STATE", (404, None)),
            (Method::GET, "/favicon.ico", (404, None)),
            (Method::POST, "/callback?code=c&state=STATE", (405, None)),
            (Method::HEAD, "/callback?code=c&state=STATE", (405, None)),
        ] {
            assert_eq!(verdict(method.clone(), address), expected, "{method} {address}");
        }
    }

    /// What a browser is answered over a socket.
    async fn sent(port: u16, request: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_browser_that_opens_idle_connections_is_heard_and_has_its_page_before_the_wait_ends() {
        let callback = Callback::listen(0).await.unwrap();
        let (asked, state) = asked(callback.address());
        let port = callback.address().port().unwrap();
        let browser = async {
            let idle = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
            let noise = sent(port, "what is this\r\n\r\n").await;
            assert!(noise.starts_with("HTTP/1.1 400"), "{noise}");
            let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
            let icon = sent(port, &get("/favicon.ico")).await;
            let page = sent(port, &get(&format!("/callback?code=c&state={state}"))).await;
            drop(idle);
            (icon, page)
        };
        let (code, (icon, page)) = futures::join!(callback.answer(&asked, Duration::from_secs(60)), browser);
        assert_eq!(code.unwrap().expose(), "c");
        assert!(icon.starts_with("HTTP/1.1 404"), "{icon}");
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("no-referrer") && page.contains("Close this page"), "{page}");
    }

    #[tokio::test]
    async fn a_port_in_use_is_told_with_what_to_do() {
        let first = Callback::listen(0).await.unwrap();
        let error = Callback::listen(first.address().port().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.mend().is_some_and(|mend| mend.contains("--port")), "{error:?}");
    }
}
