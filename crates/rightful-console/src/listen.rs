//! Takes connections, bounded in number, in patience and in the size of their heads, and ends them gracefully.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt as _;

/// Connections side by side; more wait to be taken.
const CONNECTIONS: usize = 1_024;
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);
/// The largest head, in bytes.
const HEAD_SIZE: usize = 32 * 1024;
/// How long open answers may go on once the console stops.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Serves until `stop` turns true; answers under way are finished.
pub async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let open = GracefulShutdown::new();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_SIZE);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(HEAD_SIZE as u32).max_concurrent_streams(64);
    loop {
        let place = tokio::select! {
            () = stopped(&mut stop) => break,
            place = places.clone().acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, mostly: it passes when connections end.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let router = router.clone();
        let service = service_fn(move |request: Request<Incoming>| answered(router.clone(), from, request));
        let connection = open.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(LAST_ANSWERS, open.shutdown()).await.is_err() {
        tracing::debug!("some connections were still open when the console stopped");
    }
}

async fn answered(
    router: Router,
    from: SocketAddr,
    request: Request<Incoming>,
) -> Result<axum::response::Response, std::convert::Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(from));
    router.oneshot(request).await
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Whoever could have said stop is gone: that is one.
    let _ = stop.wait_for(|stop| *stop).await;
}
