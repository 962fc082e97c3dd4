//! A bare HTTP client with one cookie, and members of every role in the demo's store.

use std::path::PathBuf;

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Method, RequestBuilder, StatusCode};
use rightful_core::Secret;
use rightful_engine::{Access, AccessRole, AccessStore as _, Act, Kept, MemberEdit};
use rightful_store::SqliteStore;

use crate::stage::Demo;

/// The password of every member here.
pub const PASSWORD: &str = "long enough for all";

/// The store that the demo works on.
pub fn store(demo: &Demo) -> SqliteStore {
    SqliteStore::open(&PathBuf::from(&demo.config).with_file_name("rightful.db")).expect("the demo's store can be opened")
}

/// Adds a member with a role, everywhere or for some integrations.
pub async fn member(demo: &Demo, name: &str, role: AccessRole, scope: Option<&[&str]>) {
    let access = Access { role, scope: scope.map(|names| names.iter().map(ToString::to_string).collect()) };
    let edit = MemberEdit { name: name.to_owned(), display_name: name.to_owned(), access, active: true };
    let password = rightful_console::hashed(Secret::new(PASSWORD)).await.unwrap();
    let act = Act::new(chrono::Utc::now(), "test", "member.add", name);
    let added = store(demo).add_member(&edit, Some(password), false, &act).await.unwrap();
    assert!(matches!(added, Kept::Done(_)), "{added:?}");
}

/// A token that may what the member of that name may.
pub async fn token(demo: &Demo, name: &str) -> String {
    let access = store(demo).member_named(name).await.unwrap().expect("there is such a member").member.access;
    let (text, now) = (format!("rightful_{name}"), chrono::Utc::now());
    let act = Act::new(now, name, "token.make", name);
    let digest = blake3::hash(text.as_bytes());
    store(demo).add_token(digest.as_bytes(), name, &access, now + chrono::Duration::days(1), &act).await.unwrap();
    text
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// Where it sends the browser.
    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A browser without a screen.
#[derive(Clone)]
pub struct Client {
    pub base: String,
    pub cookie: Option<String>,
    pub http: reqwest::Client,
}

impl Client {
    pub fn new(demo: &Demo) -> Self {
        let http = reqwest::Client::builder()
            // Some tests make the console cut a connection off: none is used twice.
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { base: demo.console.clone(), cookie: None, http }
    }

    /// One that is signed in.
    pub async fn signed_in(demo: &Demo, name: &str) -> Self {
        let mut client = Self::new(demo);
        let answer = client.post("/sign-in", &[("name", name), ("password", PASSWORD)]).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/integrations"), "{}", answer.body);
        client.cookie = Some(cookie_of(&answer).expect("signing in gives a cookie"));
        client
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        answered(self.request(Method::GET, path)).await
    }

    /// Posts fields as they are.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        answered(self.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded").body(encoded(fields))).await
    }

    /// Posts fields with the form key of this session.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let key = self.form_key().await;
        let mut all = vec![("form_key", key.as_str())];
        all.extend(fields);
        self.post(path, &all).await
    }

    /// The form key, from a page that everybody may see.
    pub async fn form_key(&self) -> String {
        let page = self.get("/integrations").await.body;
        let (_, rest) = page.split_once("name=\"form_key\" value=\"").unwrap_or_else(|| panic!("no form key in {page}"));
        rest.split_once('"').unwrap().0.to_owned()
    }
}

/// Sends it.
pub async fn answered(request: RequestBuilder) -> Answer {
    let answer = request.send().await.expect("the console answers");
    let (status, headers) = (answer.status(), answer.headers().clone());
    Answer { status, headers, body: answer.text().await.unwrap_or_default() }
}

/// The session cookie of an answer.
pub fn cookie_of(answer: &Answer) -> Option<String> {
    let set = answer.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).next_back()?;
    set.split(';').next().map(str::to_owned)
}

/// Fields as a form sends them.
pub fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
