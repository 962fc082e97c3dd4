//! A run followed live: progress as it comes, the outcome at its end, and nothing for who is no longer signed in.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures::StreamExt as _;
use rightful_engine::*;
use tower::ServiceExt as _;

use crate::stage::{Browser, Stage};

const EVENTS: &str = "/integrations/rep-codes/runs/run-1/events";

/// A stream of events, read piece by piece.
struct Stream {
    status: StatusCode,
    kind: String,
    body: axum::body::BodyDataStream,
}

impl Stream {
    async fn open(stage: &Stage, browser: &Browser) -> Self {
        let request = Request::get(EVENTS).header(header::HOST, "console.test").header(header::COOKIE, browser.cookie.clone().unwrap());
        let answer = stage.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        Self { status: answer.status(), kind, body: answer.into_body().into_data_stream() }
    }

    /// The next piece; empty at the end.
    async fn next(&mut self) -> String {
        match self.body.next().await {
            Some(piece) => String::from_utf8(piece.unwrap().to_vec()).unwrap(),
            None => String::new(),
        }
    }

    /// Reads on until a piece says this.
    async fn until(&mut self, wanted: &str) -> String {
        loop {
            let piece = self.next().await;
            assert!(!piece.is_empty(), "the stream ended before it said `{wanted}`");
            if piece.contains(wanted) {
                return piece;
            }
        }
    }
}

/// A run that another process begins and ends.
async fn under_way(stage: &Stage) -> Fence {
    let fence = stage.busy("rep-codes").await;
    stage.store.begin_run(&fence, &RunTask::Full, BODY_VERSION, None, stage.toy.ports.clock.now()).await.unwrap();
    fence
}

async fn end(stage: &Stage, fence: &Fence) {
    let now = stage.toy.ports.clock.now();
    stage.store.end_run(fence, RunId(1), &"customer".into(), RunOutcome::Done, None, &RunCounts::default(), &[], now).await.unwrap();
}

fn report(stage: &Stage, event: Event) {
    stage.toy.works.0.send(event).unwrap();
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_as_it_comes_and_the_outcome_at_the_end() {
    let stage = Stage::set().await;
    let fence = under_way(&stage).await;
    let viewer = stage.signed_in("viewer").await;
    let mut stream = Stream::open(&stage, &viewer).await;
    assert_eq!((stream.status, stream.kind.as_str()), (StatusCode::OK, "text/event-stream"));
    let first = stream.next().await;
    assert!(first.contains("event: progress") && first.contains("retry: 3000") && first.contains("\"stage\":\"Under way\""), "{first}");
    report(&stage, Event::Read { side: "source", kind: "customer".into(), rows: 100, total: Some(1_200) });
    report(&stage, Event::Note("the source's people could not be read".into()));
    let piece = stream.until("\"stage\":\"Reading\"").await;
    for said in ["Reading customer records of Toy & Sons", "100 of 1,200", "could not be read"] {
        assert!(piece.contains(said), "{said}: {piece}");
    }
    // Another run's words are not this one's.
    report(&stage, Event::Started { run: RunId(2), resumed: false });
    report(&stage, Event::Planned { pairs: 5, total: 6, changes: 7 });
    report(&stage, Event::Started { run: RunId(1), resumed: true });
    report(&stage, Event::Applied { settled: 3, total: 9 });
    let piece = stream.until("\"stage\":\"Writing\"").await;
    assert!(piece.contains("3 of 9 written") && !piece.contains("7 changes"), "{piece}");
    end(&stage, &fence).await;
    let piece = stream.until("event: ended").await;
    assert!(piece.contains("\"outcome\":\"done\""), "{piece}");
    assert_eq!(stream.next().await, "", "and that is the end");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_ended_is_told_at_once() {
    let stage = Stage::set().await;
    let fence = under_way(&stage).await;
    end(&stage, &fence).await;
    let viewer = stage.signed_in("viewer").await;
    let mut stream = Stream::open(&stage, &viewer).await;
    stream.until("event: ended").await;
    assert_eq!(stream.next().await, "");
}

#[tokio::test(start_paused = true)]
async fn what_another_process_writes_is_told_from_the_store() {
    let stage = Stage::with_customers().await;
    // A run cut off in the middle of writing.
    let failpoint: Failpoint = std::sync::Arc::new(|name| {
        if name == "after-slice" {
            std::panic::resume_unwind(Box::new("the process ends here"));
        }
    });
    let (ports, integration) = (stage.toy.ports.clone(), stage.world.integration.clone());
    let options = RunOptions { failpoint: Some(failpoint), ..RunOptions::default() };
    assert!(tokio::spawn(async move { run_job(&ports, &integration, RunTask::Full, options).await }).await.is_err());
    let viewer = stage.signed_in("viewer").await;
    let mut stream = Stream::open(&stage, &viewer).await;
    let first = stream.next().await;
    assert!(first.contains("\"stage\":\"Writing\"") && first.contains("of 20 written"), "{first}");
    let mut viewer = viewer;
    viewer.get("/integrations/rep-codes/runs/run-1").await.says(200, &["Under way", "Writing to Toy & Sons", "of 20 written", "Reload"]);
}

#[tokio::test(start_paused = true)]
async fn who_signs_out_or_is_changed_hears_no_more() {
    let stage = Stage::set().await;
    under_way(&stage).await;
    let mut viewer = stage.signed_in("viewer").await;
    let mut stream = Stream::open(&stage, &viewer).await;
    viewer.submit("/sign-out", &[]).await.leads("/sign-in");
    stream.until("event: signed-out").await;
    assert_eq!(stream.next().await, "");
    let manager = stage.signed_in("manager").await;
    let mut stream = Stream::open(&stage, &manager).await;
    stage.change("manager", |manager| manager.access.scope = Some(["other".to_owned()].into())).await;
    stream.until("event: signed-out").await;
    assert_eq!(stream.next().await, "");
    // And nobody begins without a session.
    stage.browser().get(EVENTS).await.says(401, &["nobody is signed in"]);
}

#[tokio::test(start_paused = true)]
async fn pages_that_follow_are_bounded_and_give_their_places_back() {
    let stage = Stage::set().await;
    under_way(&stage).await;
    let viewer = stage.signed_in("viewer").await;
    let mut open = Vec::new();
    loop {
        let stream = Stream::open(&stage, &viewer).await;
        if stream.status == StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
        open.push(stream);
        assert!(open.len() <= 128, "there is no bound");
    }
    assert_eq!(open.len(), 128);
    open.truncate(127);
    assert_eq!(Stream::open(&stage, &viewer).await.status, StatusCode::OK);
}
