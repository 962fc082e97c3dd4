//! What a client that means harm tries, and that none of it works.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use rightful_engine::{AccessRole, Authorship, CodeEdit, CodeRow, Saved, Store as _};

use crate::client::{Client, PASSWORD, answered, cookie_of, encoded, member, store};
use crate::stage::Demo;

async fn demo_with_admin() -> (Demo, Client) {
    let demo = Demo::start(3, 60);
    member(&demo, "ada", AccessRole::Admin, None).await;
    let ada = Client::signed_in(&demo, "ada").await;
    (demo, ada)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_from_elsewhere_changes_nothing() {
    let (demo, ada) = demo_with_admin().await;
    let path = format!("/integrations/{}/editable", demo.integration);
    let key = ada.form_key().await;
    let post = |key: &str| {
        ada.request(Method::POST, &path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(encoded(&[("form_key", key), ("editable", "yes")]))
    };
    // Without the key, with a made-up one, with that of another session.
    let other = Client::signed_in(&demo, "ada").await.form_key().await;
    for wrong in ["", "0000", &other] {
        assert_eq!(answered(post(wrong)).await.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    // With the right key, from another site's page.
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")] {
        assert_eq!(answered(post(&key).header(name, value)).await.status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    assert!(!store(&demo).integration(&demo.integration).await.unwrap().editable);
    assert_eq!(answered(post(&key)).await.status, StatusCode::SEE_OTHER);
    assert!(store(&demo).integration(&demo.integration).await.unwrap().editable, "the console's own form works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_id_that_was_planted_is_worth_nothing() {
    let (demo, ada) = demo_with_admin().await;
    // Somebody plants a cookie, the member signs in with it: the session has another id afterwards.
    let mut planted = Client::new(&demo);
    for cookie in ["rightful=AAAAAAAAAAAAAAAAAAAAAA", "rightful=../../x", ada.cookie.as_deref().unwrap()] {
        planted.cookie = Some(cookie.to_owned());
        let answer = planted.post("/sign-in", &[("name", "ada"), ("password", PASSWORD)]).await;
        if cookie == ada.cookie.as_deref().unwrap() {
            let fresh = cookie_of(&answer).expect("a fresh cookie");
            assert_ne!(fresh, cookie, "signing in rotates the id");
        }
        let with_old = Client { cookie: Some(cookie.to_owned()), ..planted.clone() };
        assert_eq!(with_old.get("/integrations").await.status, StatusCode::SEE_OTHER, "{cookie} must not be signed in");
    }
    // Signed out is signed out, also for whoever kept the cookie.
    let kept = Client::signed_in(&demo, "ada").await;
    assert_eq!(kept.submit("/sign-out", &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(kept.get("/integrations").await.location(), "/sign-in?back=%2Fintegrations");
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_and_pages_carry_what_browsers_need_to_protect_people() {
    let (demo, _) = demo_with_admin().await;
    let client = Client::new(&demo);
    let answer = client.post("/sign-in", &[("name", "ada"), ("password", PASSWORD)]).await;
    let set = answer.headers["set-cookie"].to_str().unwrap();
    for word in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(word), "{word} is missing in {set}");
    }
    for path in ["/sign-in", "/nowhere", "/integrations", "/assets/none"] {
        let answer = client.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(!answer.body.contains("<script>") && !answer.body.contains(" style=") && !answer.body.contains(" onclick="), "{path}");
    }
}

const SCRIPT: &str = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'";

#[tokio::test(flavor = "multi_thread")]
async fn script_in_names_codes_and_questions_stays_text() {
    let (demo, ada) = demo_with_admin().await;
    let by = Authorship { author: SCRIPT.into(), reason: SCRIPT.into(), at: chrono::Utc::now() };
    let rows = vec![CodeRow { code: SCRIPT.into(), user: Some(SCRIPT.into()), successor: Some(SCRIPT.into()) }];
    let version = store(&demo).code_table(&demo.integration).await.unwrap().version;
    let saved = store(&demo).save_codes(&demo.integration, version, &[CodeEdit { code: SCRIPT.into(), rows }], &by).await.unwrap();
    assert!(matches!(saved, Saved::Version(_)));
    let base = format!("/integrations/{}", demo.integration);
    let asked = encoded(&[("q", SCRIPT), ("only", SCRIPT), ("page", "1"), ("back", SCRIPT), ("key", SCRIPT)]);
    for path in [
        base.clone(),
        format!("{base}/history"),
        format!("{base}?{asked}"),
        format!("/sign-in?{asked}"),
        format!("/{}", url::form_urlencoded::byte_serialize(SCRIPT.as_bytes()).collect::<String>()),
        format!("{base}-{}", url::form_urlencoded::byte_serialize(SCRIPT.as_bytes()).collect::<String>()),
    ] {
        let page = ada.get(&path).await.body;
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{path}:\n{page}");
    }
    let page = ada.submit(&format!("{base}/import"), &[("text", &format!("code,user\n{SCRIPT},{SCRIPT}\n"))]).await.body;
    assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{page}");
    let page = ada.post("/sign-in", &[("name", SCRIPT), ("password", "wrong wrong wrong")]).await.body;
    assert!(!page.contains("<script>alert"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cells_that_a_spreadsheet_would_calculate_are_written_as_text() {
    let (demo, ada) = demo_with_admin().await;
    let by = Authorship { author: "ada".into(), reason: "test".into(), at: chrono::Utc::now() };
    let codes = ["=cmd|' /C calc'!A0", "+1+1", "-2", "@SUM(A1)", "\t=1"];
    let edits: Vec<CodeEdit> = codes
        .iter()
        .map(|code| CodeEdit { code: (*code).into(), rows: vec![CodeRow { code: (*code).into(), user: None, successor: None }] })
        .collect();
    let version = store(&demo).code_table(&demo.integration).await.unwrap().version;
    store(&demo).save_codes(&demo.integration, version, &edits, &by).await.unwrap();
    let answer = ada.get(&format!("/integrations/{}/codes.csv", demo.integration)).await;
    assert!(answer.headers["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\""));
    for line in answer.body.lines().skip(1) {
        let cell = line.trim_start_matches('"');
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t']), "{line}");
    }
    assert!(answer.body.contains("'=cmd|' /C calc'!A0"), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_headers_cannot_be_led_elsewhere() {
    let (demo, ada) = demo_with_admin().await;
    for path in [
        "/assets/..%2f..%2fCargo.toml",
        "/assets/%2e%2e/secret",
        "/integrations/..%2f..%2fetc%2fpasswd",
        "/integrations/%00",
        "/integrations/a%2Fb",
    ] {
        let answer = ada.get(path).await;
        assert!(matches!(answer.status.as_u16(), 400 | 404), "{path}: {}", answer.status);
    }
    // What comes back in a header has no line break of the asker's.
    let answer = ada.get("/integrations?x=%0d%0aset-cookie:%20a=b").await;
    assert!(!answer.headers.iter().any(|(_, value)| value.as_bytes().starts_with(b"a=b")));
    let nobody = Client::new(&demo).get("/integrations/x%0d%0aset-cookie:%20evil=1").await;
    assert_eq!(nobody.status, StatusCode::SEE_OTHER);
    assert!(!nobody.location().contains(['\r', '\n']), "{}", nobody.location());
    for back in ["https://evil.example", "//evil.example", "/\\evil.example", "/%09/evil.example", "\r\nlocation: https://evil.example"] {
        let answer = ada.post("/sign-in", &[("name", "ada"), ("password", PASSWORD), ("back", back)]).await;
        assert!(
            answer.location().starts_with('/') && !answer.location().starts_with("//") && !answer.location().contains("evil.example/"),
            "{back} led to {}",
            answer.location()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_and_slow_requests_are_cut_off_and_others_are_served_meanwhile() {
    let (demo, ada) = demo_with_admin().await;
    let key = ada.form_key().await;
    let big = format!("form_key={key}&text={}", "x".repeat(17 * 1024 * 1024));
    let request = ada.request(Method::POST, &format!("/integrations/{}/import", demo.integration));
    let answer = request.header("content-type", "application/x-www-form-urlencoded").body(big).send().await;
    // Refused, or cut off while it is still being sent.
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == StatusCode::PAYLOAD_TOO_LARGE));
    let address = demo.console.trim_start_matches("http://").to_owned();
    let head = format!("GET /sign-in HTTP/1.1\r\nhost: {address}\r\nx-big: {}\r\n\r\n", "y".repeat(200 * 1024));
    let mut stream = TcpStream::connect(&address).unwrap();
    let _ = stream.write_all(head.as_bytes());
    let mut told = Vec::new();
    let _ = stream.read_to_end(&mut told);
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 431") || told.starts_with("HTTP/1.1 400"), "{told}");

    // Heads and bodies that trickle in: the other end hangs up by itself.
    let slow_head = "GET /sign-in HTTP/1.1\r\nhost: x\r\nx-slow: ".to_owned();
    let slow_body = format!(
        "POST /sign-in HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 1000000\r\n\r\nname="
    );
    let begun = Instant::now();
    let threads: Vec<_> = [slow_head, slow_body]
        .into_iter()
        .map(|begin| {
            let address = address.clone();
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(&address).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
                stream.write_all(begin.as_bytes()).unwrap();
                let mut told = Vec::new();
                stream.read_to_end(&mut told).map(|_| told.len())
            })
        })
        .collect();
    assert_eq!(ada.get("/integrations").await.status, StatusCode::OK, "others are served");
    for thread in threads {
        let ended = thread.join().unwrap();
        assert!(ended.is_ok(), "the console did not hang up: {ended:?} after {:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_password_is_slowed_and_tells_nothing() {
    let (demo, _) = demo_with_admin().await;
    member(&demo, "ben", AccessRole::Viewer, None).await;
    let client = Client::new(&demo);
    let mut answers = Vec::new();
    for name in ["ben", "nobody"] {
        for guess in 0..7 {
            answers.push(client.post("/sign-in", &[("name", name), ("password", &format!("wrong password {guess}"))]).await);
        }
    }
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses[..7], statuses[7..], "a name that nobody has answers like one that somebody has");
    assert_eq!(statuses[..7], [401, 401, 401, 401, 401, 429, 429], "{statuses:?}");
    assert!(answers[5].headers.contains_key("retry-after"));
    // The right password does not help before its time, and others are not held up.
    assert_eq!(client.post("/sign-in", &[("name", "BEN"), ("password", PASSWORD)]).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(client.post("/sign-in", &[("name", "ada"), ("password", PASSWORD)]).await.status, StatusCode::SEE_OTHER);
    // Many at once count as many.
    member(&demo, "cleo", AccessRole::Viewer, None).await;
    let flood = (0..20).map(|guess| {
        let client = client.clone();
        async move { client.post("/sign-in", &[("name", "cleo"), ("password", &format!("wrong password {guess}"))]).await.status }
    });
    let flood = futures::future::join_all(flood).await;
    assert_eq!(flood.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count(), 5, "{flood:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_link_works_once_and_looking_does_not_use_it_up() {
    let demo = Demo::start(4, 60);
    let path = demo.link.strip_prefix(&demo.console).expect("the link is the console's").to_owned();
    let client = Client::new(&demo);
    for _ in 0..3 {
        assert_eq!(client.get(&path).await.status, StatusCode::OK);
    }
    let short = client.post(&path, &[("name", "ada"), ("password", "short"), ("again", "short")]).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY, "a password that is refused does not use it up");
    let race = (0..4).map(|number| {
        let (client, path) = (client.clone(), path.clone());
        async move {
            let name = format!("ada{number}");
            client.post(&path, &[("name", &name), ("password", PASSWORD), ("again", PASSWORD)]).await.status
        }
    });
    let race = futures::future::join_all(race).await;
    assert_eq!(race.iter().filter(|status| **status == StatusCode::SEE_OTHER).count(), 1, "one gets in: {race:?}");
    assert_eq!(client.get(&path).await.status, StatusCode::NOT_FOUND);
}
