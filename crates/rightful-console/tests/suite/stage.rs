//! A console over a world: members of every role, browsers that keep their cookie, and a deployment whose connections are scripted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::request::Builder;
use axum::http::{HeaderMap, HeaderName, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use rightful_console::{Console, Deployed, DeployedConnection, Deployment, Endpoint, Origin, hashed, router};
use rightful_core::*;
use rightful_engine::*;
use rightful_store::SqliteStore;
use tokio::sync::broadcast;
use tower::ServiceExt as _;

use crate::works::Works;
use crate::world::World;

/// The password of every member here.
pub const PASSWORD: &str = "long enough for all";

const fn setting(key: &'static str, takes: SettingType, required: bool, default: Option<&'static str>, example: &'static str) -> Setting {
    Setting { key, takes, required, default, about: "What it is for.", example }
}

/// A vendor with a setting of each type.
pub static TOY: Descriptor = Descriptor {
    id: VendorId::fixed("toy"),
    name: "Toy & Sons",
    about: "Sells toys.",
    settings: &[
        setting("base_url", SettingType::Url, false, Some("https://api.toy.example/v1"), "https://api.toy.example/v1"),
        setting("company_id", SettingType::Text, true, None, "ACME"),
        setting("page_size", SettingType::Integer, false, Some("200"), "200"),
        setting("show_private", SettingType::Bool, false, Some("true"), "true"),
        setting("tier", SettingType::Choice(&["low", "high"]), false, None, "low"),
        setting("api_key", SettingType::Secret, true, None, "{ env = \"TOY_KEY\" }"),
        setting("pin", SettingType::Secret, false, None, "{ env = \"TOY_PIN\" }"),
    ],
    account: &["base_url", "company_id"],
    scope: &[],
    sign_in: "A key.",
    web_sign_in: None,
    kinds: Vec::new,
    open_kinds: None,
    people_file: None,
    teams: None,
    connect: |_, _, _| Err(Error::new(ErrorKind::Unsupported, "a toy")),
};

/// A deployment with one integration, one connection of the file, and those of the store.
#[derive(Debug)]
pub struct Toy {
    pub store: Arc<SqliteStore>,
    pub clock: ManualClock,
    pub integrations: Mutex<Vec<Integration>>,
    pub kept: Mutex<Vec<StoredConnection>>,
    /// What the next preflights find.
    pub findings: Mutex<BTreeMap<String, Result<Vec<Finding>>>>,
    /// Integrations that use a connection, by its name.
    pub used_by: Mutex<BTreeMap<String, Vec<String>>>,
    pub can_seal: AtomicBool,
    pub reloads: AtomicUsize,
    pub public_url: Mutex<Option<String>>,
    /// Connections of the file besides `in-file`.
    pub others: Mutex<Vec<DeployedConnection>>,
    /// Runs what is started.
    pub works: Works,
    pub ports: Ports,
}

#[async_trait]
impl Deployment for Toy {
    fn integrations(&self) -> Vec<Deployed> {
        let endpoint = |side: &Side| Endpoint { connection: side.connection.clone(), vendor: "Toy & Sons" };
        let integrations = self.integrations.lock().unwrap().clone();
        let deployed = integrations.into_iter().map(|integration| Deployed {
            source: endpoint(&integration.policy.source),
            target: endpoint(&integration.policy.target),
            integration,
            schedule: "every hour".to_owned(),
            next_due: None,
            unready: None,
        });
        deployed.collect()
    }

    fn ports(&self, _integration: &str) -> Result<Ports> {
        Ok(self.ports.clone())
    }

    async fn start(&self, integration: &str, task: RunTask, options: RunOptions) -> Result<RunId> {
        let found = self.integrations.lock().unwrap().iter().find(|known| known.name == integration).cloned();
        let integration = found.ok_or_else(|| Error::new(ErrorKind::NotFound, "no such integration"))?;
        self.works.start(&self.ports, integration, task, options).await
    }

    fn events(&self, _integration: &str) -> broadcast::Receiver<Event> {
        self.works.0.subscribe()
    }

    fn wake(&self) {}

    fn connections(&self) -> Vec<DeployedConnection> {
        let used_by = |name: &str| self.used_by.lock().unwrap().get(name).cloned().unwrap_or_default();
        let file = DeployedConnection {
            name: "in-file".into(),
            descriptor: &TOY,
            origin: Origin::File,
            settings: Settings::new([("company_id", "NORTH".into())]),
            secrets: vec![("api_key".to_owned(), "env TOY_KEY".to_owned())],
            allow_private: true,
            revision: 0,
            unready: Some("the environment variable TOY_KEY is not set".to_owned()),
            used_by: used_by("in-file"),
        };
        let kept = self.kept.lock().unwrap().clone();
        let kept = kept.into_iter().map(|kept| DeployedConnection {
            used_by: used_by(kept.name.as_str()),
            secrets: kept.sealed.iter().map(|(key, _)| (key.clone(), "sealed".to_owned())).collect(),
            name: kept.name,
            descriptor: &TOY,
            origin: Origin::Console,
            settings: kept.settings,
            allow_private: false,
            revision: kept.revision,
            unready: None,
        });
        std::iter::once(file).chain(self.others.lock().unwrap().clone()).chain(kept).collect()
    }

    fn vendors(&self) -> Vec<&'static Descriptor> {
        vec![&TOY]
    }

    fn judge(&self, _vendor: &str, settings: &Settings) -> Result<()> {
        match settings.integer(&TOY.settings[2])? {
            1..=200 => Ok(()),
            _ => Err(Error::new(ErrorKind::Config, "`page_size` must be from 1 to 200").hint("leave it out")),
        }
    }

    async fn preflight(&self, connection: &ConnectionName) -> Result<Vec<Finding>> {
        self.findings
            .lock()
            .unwrap()
            .remove(connection.as_str())
            .unwrap_or_else(|| Ok(vec![Finding::pass("sign-in", "the key was accepted")]))
    }

    async fn reload(&self) -> Result<()> {
        self.reloads.fetch_add(1, Ordering::SeqCst);
        let kept = self.store.connections().await?;
        *self.kept.lock().unwrap() = kept;
        Ok(())
    }

    fn can_seal(&self) -> bool {
        self.can_seal.load(Ordering::SeqCst)
    }

    async fn metrics(&self, _served: Vec<rightful_console::Served>) -> Result<String> {
        Ok(String::new())
    }

    async fn ready(&self) -> std::result::Result<(), String> {
        Ok(())
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn public_url(&self) -> Option<String> {
        self.public_url.lock().unwrap().clone()
    }
}

/// A console, its world and its store.
pub struct Stage {
    pub world: World,
    pub toy: Arc<Toy>,
    pub store: Arc<SqliteStore>,
    pub console: Arc<Console>,
    pub app: Router,
}

impl Stage {
    /// One with a member of each role: `viewer`, `manager`, `integrator`, `admin`.
    pub async fn set() -> Self {
        let stage = Self::empty();
        stage.members().await;
        stage
    }

    /// Adds a member of each role.
    pub async fn members(&self) {
        for (name, role) in [
            ("viewer", AccessRole::Viewer),
            ("manager", AccessRole::AccountManager),
            ("integrator", AccessRole::Integrator),
            ("admin", AccessRole::Admin),
        ] {
            self.member(name, Access::everywhere(role)).await;
        }
    }

    /// One that nobody may sign in to yet.
    pub fn empty() -> Self {
        let world = World::new();
        let (store, clock) = (world.stand.sqlite.clone(), world.clock.clone());
        let (integration, ports) = (world.integration.clone(), world.ports());
        Self::over(world, store, clock, integration, ports)
    }

    /// One over these. `world` is what other helpers stand on.
    pub fn over(world: World, store: Arc<SqliteStore>, clock: ManualClock, integration: Integration, ports: Ports) -> Self {
        let toy = Arc::new(Toy {
            store: store.clone(),
            clock,
            integrations: Mutex::new(vec![integration]),
            kept: Mutex::default(),
            findings: Mutex::default(),
            used_by: Mutex::default(),
            can_seal: AtomicBool::new(true),
            reloads: AtomicUsize::new(0),
            public_url: Mutex::default(),
            others: Mutex::default(),
            works: Works::default(),
            ports,
        });
        let console = Arc::new(Console::new(toy.clone(), store.clone()));
        let app = router(console.clone(), false);
        Self { world, toy, store, console, app }
    }

    /// Adds a member.
    pub async fn member(&self, name: &str, access: Access) -> MemberId {
        let edit = MemberEdit { name: name.to_owned(), display_name: format!("The {name}"), access, active: true };
        let hash = hashed(Secret::new(PASSWORD)).await.unwrap();
        match self.store.add_member(&edit, Some(hash), false, &self.act("member.add", name)).await.unwrap() {
            Kept::Done(id) => id,
            other => panic!("{name} was not added: {other:?}"),
        }
    }

    pub async fn member_named(&self, name: &str) -> Member {
        self.store.member_named(name).await.unwrap().expect("there is such a member").member
    }

    /// Changes a member behind the console's back.
    pub async fn change(&self, name: &str, change: impl FnOnce(&mut MemberEdit)) {
        let member = self.member_named(name).await;
        let mut edit = MemberEdit { name: member.name, display_name: member.display_name, access: member.access, active: member.active };
        change(&mut edit);
        let kept = self.store.change_member(member.id, member.revision, &edit, &self.act("member.change", name)).await.unwrap();
        assert_eq!(kept, Kept::Done(()));
    }

    pub fn act(&self, action: &str, object: &str) -> Act {
        Act::new(self.world.clock.now(), "stage", action, object)
    }

    /// The newest line of the audit log.
    pub async fn last_act(&self) -> Act {
        let lines = self.store.acts(&AuditFilter { limit: 1, ..AuditFilter::default() }).await.unwrap();
        lines.into_iter().next().expect("something was done").act
    }

    /// A browser that comes for the first time.
    pub fn browser(&self) -> Browser {
        Browser { app: self.app.clone(), cookie: None, from: SocketAddr::from(([192, 0, 2, 1], 50_000)) }
    }

    /// One that is signed in.
    pub async fn signed_in(&self, name: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser.post("/sign-in", &[("name", name), ("password", PASSWORD)]).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/integrations"), "{name}: {}", answer.body);
        browser
    }

    /// Everything in the database's files, as bytes.
    pub fn raw(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.world.stand.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
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
        self.header(header::LOCATION)
    }

    pub fn header(&self, name: HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What a hidden field of the page carries.
    pub fn hidden(&self, name: &str) -> String {
        let begins = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.body.split_once(&begins).unwrap_or_else(|| panic!("no field {name} in {}", self.body));
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// The page as a person reads it: without tags, blanks as one.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut inside = false;
        for letter in self.body.chars() {
            match letter {
                '<' => (inside, text) = (true, text + " "),
                '>' => inside = false,
                letter if !inside => text.push(letter),
                _ => {}
            }
        }
        let text = text.replace("&#34;", "\"").replace("&#39;", "'").replace("&#62;", ">").replace("&#60;", "<").replace("&#38;", "&");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Where the first link with this text leads.
    #[track_caller]
    pub fn link(&self, text: &str) -> String {
        let (before, _) = self.body.split_once(&format!(">{text}</a>")).unwrap_or_else(|| panic!("no link {text} in {}", self.text()));
        let (_, tag) = before.rsplit_once("href=\"").unwrap_or_else(|| panic!("{text} is no link"));
        tag.split_once('"').map_or(tag, |(href, _)| href).replace("&#38;", "&").replace("&amp;", "&")
    }

    /// It has this status and says all of this.
    #[track_caller]
    pub fn says(&self, status: u16, words: &[&str]) -> &Self {
        let text = self.text();
        assert_eq!(self.status.as_u16(), status, "{text}");
        for word in words {
            assert!(text.contains(word), "`{word}` is not in: {text}");
        }
        self
    }

    /// It sends the browser there.
    #[track_caller]
    pub fn leads(&self, path: &str) -> &Self {
        assert_eq!((self.status, self.location()), (StatusCode::SEE_OTHER, path), "{}", self.text());
        self
    }
}

/// A browser: keeps one cookie, posts forms.
#[derive(Clone, Debug)]
pub struct Browser {
    app: Router,
    pub cookie: Option<String>,
    pub from: SocketAddr,
}

impl Browser {
    pub async fn send(&mut self, request: Builder, body: Body) -> Answer {
        let request = request.header(header::HOST, "console.test").extension(ConnectInfo(self.from));
        let request = match &self.cookie {
            Some(cookie) => request.header(header::COOKIE, cookie),
            None => request,
        };
        let answer = self.app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        for set in headers.get_all(header::SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            self.cookie = Some(pair.to_owned()).filter(|pair| !pair.ends_with('='));
        }
        Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    /// Follows a redirect of an answer.
    pub async fn follow(&mut self, answer: &Answer) -> Answer {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        self.get(answer.location()).await
    }

    /// Posts fields as they are.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body: String = fields.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect::<Vec<_>>().join("&");
        self.send(Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded"), Body::from(body)).await
    }

    /// Posts fields with the form key of this session.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let key = self.get("/settings").await.hidden("form_key");
        let mut all = vec![("form_key", key.as_str())];
        all.extend(fields);
        self.post(path, &all).await
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
