//! A real browser for the tests: Chromium through its WebDriver, with screenshots and an accessibility scan of every page.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value as Json, json};
use thirtyfour::prelude::*;

/// Set in CI: a missing browser is then a failure.
const REQUIRED: &str = "RIGHTFUL_REQUIRE_BROWSER";
/// Where `axe.min.js` is, unless in `target/browser/node_modules/axe-core`.
const AXE: &str = "RIGHTFUL_AXE";
/// Widths that every page is looked at.
pub const WIDTHS: [u32; 2] = [1280, 390];
/// How long a page may take to show what is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The workspace's `target/browser`.
pub fn kept() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/browser")
}

/// What the tests need besides the program, or why they are skipped.
pub fn needs() -> Option<Needs> {
    let found = |name: &str| {
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).map(|folder| folder.join(name)).find(|file| file.is_file())
    };
    let axe = std::env::var_os(AXE).map_or_else(|| kept().join("node_modules/axe-core/axe.min.js"), PathBuf::from);
    let mut missing = Vec::new();
    let driver = found("chromedriver").or_else(|| {
        missing.push("chromedriver (Debian: chromium-driver)".to_owned());
        None
    });
    let browser = found("chromium").or_else(|| found("google-chrome")).or_else(|| {
        missing.push("chromium (Debian: chromium)".to_owned());
        None
    });
    let axe = std::fs::read_to_string(&axe).ok().or_else(|| {
        missing.push(format!("{} (npm install --prefix target/browser axe-core, or {AXE}=PATH)", axe.display()));
        None
    });
    if let (Some(driver), Some(browser), Some(axe)) = (driver, browser, axe) {
        return Some(Needs { driver, browser, axe });
    }
    let told = format!("no browser tests: this machine has no {}", missing.join(", no "));
    assert!(std::env::var_os(REQUIRED).is_none(), "{told}; {REQUIRED} is set");
    eprintln!("SKIPPED: {told}");
    None
}

/// Programs and files that were found.
pub struct Needs {
    driver: PathBuf,
    browser: PathBuf,
    axe: String,
}

/// A running WebDriver; ends with this.
pub struct Driver {
    process: Child,
    address: String,
    needs: Needs,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Driver {
    /// Starts it on a free port. It wants the same one for both families of addresses, and gives up where another program has one of them: then
    /// it is started again.
    pub fn start(needs: Needs) -> Self {
        for _ in 0..20 {
            let mut process = Command::new(&needs.driver)
                .arg("--port=0")
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("chromedriver can be started");
            let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
            let port =
                lines.find_map(|line| line.rsplit_once("successfully on port ").map(|(_, port)| port.trim_end_matches('.').to_owned()));
            let Some(port) = port else {
                process.wait().unwrap();
                continue;
            };
            // What it says later must be read, or it stops when the pipe is full.
            std::thread::spawn(move || lines.for_each(drop));
            return Self { process, address: format!("http://127.0.0.1:{port}"), needs };
        }
        panic!("chromedriver found no free port, twenty times over");
    }

    /// A fresh browser that knows no session, looking at one console.
    pub async fn browser(&self, base: &str) -> Browser {
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary(&self.needs.browser.to_string_lossy()).unwrap();
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000"] {
            capabilities.add_arg(argument).unwrap();
        }
        let page = WebDriver::new(&self.address, capabilities).await.expect("a browser can be started");
        Browser { page, base: base.to_owned(), axe: self.needs.axe.clone() }
    }
}

/// One browser with its own cookies.
pub struct Browser {
    /// For what has no word here.
    pub page: WebDriver,
    base: String,
    axe: String,
}

impl Browser {
    /// Ends it.
    pub async fn close(self) {
        self.page.quit().await.expect("a browser can be ended");
    }

    /// Goes to a path of the console, or to a whole address.
    pub async fn go(&self, path: &str) {
        let address = if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() };
        self.page.goto(address).await.expect("the console answers");
    }

    /// Where we are, below the console's address.
    pub async fn path(&self) -> String {
        let url = self.page.current_url().await.unwrap();
        url[url::Position::BeforePath..].to_owned()
    }

    /// The text a person sees.
    pub async fn text(&self) -> String {
        self.page.find(By::Tag("body")).await.unwrap().text().await.unwrap()
    }

    /// Waits until a text is seen.
    pub async fn sees(&self, wanted: &str) {
        let begun = std::time::Instant::now();
        loop {
            // A page that is just being left has no body to ask.
            let text = match self.page.find(By::Tag("body")).await {
                Ok(body) => body.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            if text.contains(wanted) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "`{wanted}` does not appear on {}:\n{text}", self.path().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// An element by a CSS selector.
    pub async fn element(&self, selector: &str) -> WebElement {
        let found = self.page.query(By::Css(selector)).wait(PATIENCE, Duration::from_millis(100)).first().await;
        match found {
            Ok(element) => element,
            Err(_) => panic!("there is no `{selector}` on {}:\n{}", self.path().await, self.text().await),
        }
    }

    /// Is there such an element now?
    pub async fn has(&self, selector: &str) -> bool {
        !self.page.find_all(By::Css(selector)).await.unwrap().is_empty()
    }

    /// Presses the button, or follows the link, with this text or label.
    pub async fn press(&self, name: &str) {
        let path = format!("//*[self::a or self::button or self::summary][normalize-space(.)={0} or @aria-label={0}]", quoted(name));
        let found = self.page.query(By::XPath(path)).wait(PATIENCE, Duration::from_millis(100)).and_displayed().first().await;
        let Ok(element) = found else { panic!("nothing is called `{name}` on {}:\n{}", self.path().await, self.text().await) };
        element.scroll_into_view().await.unwrap();
        element.click().await.unwrap_or_else(|error| panic!("`{name}` cannot be pressed: {error}"));
    }

    /// Types into the field of that name attribute, in place of what it holds.
    pub async fn fill(&self, name: &str, text: &str) {
        let field = self.element(&format!("[name={}]", quoted(name))).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Signs in.
    pub async fn sign_in(&self, name: &str, password: &str) {
        self.go("/sign-in").await;
        self.fill("name", name).await;
        self.fill("password", password).await;
        self.press("Sign in").await;
        self.sees("Sign out").await;
    }

    /// Runs a script in the page.
    pub async fn script(&self, script: &str, arguments: Vec<Json>) -> Json {
        self.page.execute(script, arguments).await.expect("the script runs").json().clone()
    }

    /// Is somebody who wants everything dark from now on.
    pub async fn dark(&self) {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        self.page.cdp().send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
    }

    /// Keeps a picture of the whole page at each width, and scans each for what keeps people out.
    pub async fn look(&self, name: &str) {
        let tools = self.page.cdp();
        for width in WIDTHS {
            let sized = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
            tools.send_raw("Emulation.setDeviceMetricsOverride", sized).await.unwrap();
            let wide = self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth", vec![]).await;
            let shot = json!({ "format": "png", "captureBeyondViewport": true });
            let answer = tools.send_raw("Page.captureScreenshot", shot).await.unwrap();
            let folder = kept().join("screenshots");
            std::fs::create_dir_all(&folder).unwrap();
            let bytes = base64(answer["data"].as_str().expect("a screenshot is text"));
            std::fs::write(folder.join(format!("{name}-{width}.png")), bytes).unwrap();
            assert_eq!(wide, json!(0), "{name} is wider than {width} px: it would have to be scrolled sideways");
            self.scan(name, width).await;
        }
        tools.send_raw("Emulation.clearDeviceMetricsOverride", json!({})).await.unwrap();
    }

    /// The accessibility scan: nothing serious or worse.
    async fn scan(&self, name: &str, width: u32) {
        self.page.execute(&self.axe, vec![]).await.expect("axe can be loaded");
        let run = "const done = arguments[arguments.length - 1]; axe.run(document).then(r => done(r.violations), e => done(String(e)));";
        let found = self.page.execute_async(run, vec![]).await.expect("axe runs").json().clone();
        let violations = found.as_array().unwrap_or_else(|| panic!("axe failed on {name}: {found}"));
        let serious: Vec<String> = violations
            .iter()
            .filter(|violation| matches!(violation["impact"].as_str(), Some("serious" | "critical")))
            .map(|violation| {
                let nodes = violation["nodes"].as_array().into_iter().flatten().take(3);
                let nodes: Vec<String> = nodes.map(|node| format!("{} ({})", node["html"], node["failureSummary"])).collect();
                format!("{}: {}\n    {}", violation["id"], violation["help"], nodes.join("\n    "))
            })
            .collect();
        assert!(serious.is_empty(), "{name} at {width} px keeps people out:\n  {}", serious.join("\n  "));
    }
}

/// Text as a literal of CSS and XPath; no test needs a quote of both kinds.
fn quoted(text: &str) -> String {
    if text.contains('"') { format!("'{text}'") } else { format!("\"{text}\"") }
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).expect("the browser's own base64")
}
