//! Sessions: when one begins, under which id, and everything that ends it.

use std::time::Duration;

use axum::http::{StatusCode, header};
use rightful_console::{LINK_HOURS, SESSION_HOURS, first_link};
use rightful_core::Clock as _;
use rightful_engine::{Access, AccessRole, AccessStore as _};

use crate::stage::{Browser, PASSWORD, Stage};

/// Is somebody signed in with this cookie?
async fn is_in(browser: &Browser) -> bool {
    let answer = browser.clone().get("/integrations").await;
    if answer.status == StatusCode::SEE_OTHER {
        assert_eq!(answer.location(), "/sign-in?back=%2Fintegrations");
        return false;
    }
    assert_eq!(answer.status, StatusCode::OK);
    true
}

#[tokio::test]
async fn signing_in_gives_a_fresh_id_whatever_the_browser_came_with() {
    let stage = Stage::set().await;
    let planted = "rightful=AAAAAAAAAAAAAAAAAAAAAA";
    let mut browser = stage.browser();
    browser.cookie = Some(planted.to_owned());
    let answer = browser.post("/sign-in", &[("name", "admin"), ("password", PASSWORD)]).await;
    answer.leads("/integrations");
    assert_ne!(browser.cookie.as_deref(), Some(planted));
    assert!(is_in(&browser).await);
    let set = answer.header(header::SET_COOKIE);
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");

    let mut other = stage.browser();
    other.cookie = Some(planted.to_owned());
    assert!(!is_in(&other).await, "the planted id became a session");
    let second = stage.signed_in("admin").await;
    assert_ne!(second.cookie, browser.cookie, "each sign-in has an id of its own");
}

#[tokio::test]
async fn after_signing_out_the_old_cookie_is_dead() {
    let stage = Stage::set().await;
    let mut browser = stage.signed_in("viewer").await;
    let kept = browser.clone();
    assert!(is_in(&kept).await);
    browser.submit("/sign-out", &[]).await.leads("/sign-in");
    assert!(!is_in(&kept).await);
    assert!(!is_in(&browser).await);
}

#[tokio::test]
async fn a_changed_role_scope_state_or_password_ends_every_session_of_the_member() {
    let stage = Stage::set().await;
    for change in ["role", "scope", "state", "password", "link"] {
        let name = format!("changed by {change}");
        let id = stage.member(&name, Access::everywhere(AccessRole::Viewer)).await;
        let (one, two, bystander) = (stage.signed_in(&name).await, stage.signed_in(&name).await, stage.signed_in("viewer").await);
        assert!(is_in(&one).await && is_in(&two).await);
        match change {
            "role" => stage.change(&name, |edit| edit.access.role = AccessRole::Integrator).await,
            "scope" => stage.change(&name, |edit| edit.access.scope = Some(["elsewhere".to_owned()].into())).await,
            "state" => stage.change(&name, |edit| edit.active = false).await,
            "password" => {
                let mut own = stage.signed_in(&name).await;
                let fields = [("present", PASSWORD), ("password", "another long password"), ("again", "another long password")];
                own.submit("/settings/password", &fields).await.leads("/settings");
                assert!(is_in(&own).await, "whoever changes their own password stays signed in");
            }
            _ => {
                let mut admin = stage.signed_in("admin").await;
                let page = admin.submit(&format!("/settings/members/{id}/link"), &[]).await;
                let path = link_in(&page.body);
                let fields = [("password", "chosen by the link"), ("again", "chosen by the link")];
                stage.browser().post(&path, &fields).await.leads("/integrations");
            }
        }
        assert!(!is_in(&one).await && !is_in(&two).await, "a session outlived a change of {change}");
        assert!(is_in(&bystander).await, "a change of {change} ended the session of somebody else");
    }
}

/// The path of the one-time link that a page shows.
pub fn link_in(page: &str) -> String {
    let (_, rest) = page.split_once("/invitation/").unwrap_or_else(|| panic!("no link in {page}"));
    format!("/invitation/{}", rest.chars().take_while(char::is_ascii_hexdigit).collect::<String>())
}

#[tokio::test]
async fn a_session_ends_a_fixed_time_after_it_began_however_busy_it_is() {
    let stage = Stage::set().await;
    let mut browser = stage.signed_in("admin").await;
    for _ in 1..SESSION_HOURS {
        stage.world.hours(1);
        // A note for the next page is written into the session: that must not prolong it.
        browser.submit("/settings/tokens", &[("name", "x"), ("role", "viewer"), ("where", "all"), ("days", "1")]).await.says(200, &[]);
        let token = stage.store.tokens().await.unwrap()[0].id;
        browser.submit(&format!("/settings/tokens/{token}/revoke"), &[]).await.leads("/settings/tokens");
        assert!(is_in(&browser).await);
    }
    stage.world.clock.advance(Duration::from_secs(3_601));
    assert!(!is_in(&browser).await);
}

#[tokio::test]
async fn a_page_that_is_only_looked_at_writes_no_session() {
    let stage = Stage::set().await;
    let mut browser = stage.signed_in("admin").await;
    for path in ["/integrations", "/connections", "/audit", "/settings", "/settings/members"] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.header(header::SET_COOKIE)), (StatusCode::OK, ""), "{path}");
    }
}

#[tokio::test]
async fn forms_take_the_key_of_their_own_session() {
    let stage = Stage::set().await;
    let mut browser = stage.signed_in("admin").await;
    let other = stage.signed_in("admin").await.get("/settings").await.hidden("form_key");
    for fields in [vec![], vec![("form_key", "")], vec![("form_key", other.as_str())]] {
        let answer = browser.post("/settings/name", &[fields, vec![("display_name", "Changed")]].concat()).await;
        answer.says(403, &["this form is not the console's own", "nothing was changed"]);
    }
    assert_eq!(stage.member_named("admin").await.display_name, "The admin");
}

#[tokio::test]
async fn the_first_link_makes_the_admin_once_and_looking_does_not_use_it_up() {
    let stage = Stage::empty();
    stage.browser().get("/sign-in").await.says(200, &["Nobody may sign in yet", "one-time link"]);
    let earlier = first_link(&stage.console).await.unwrap().unwrap();
    let path = first_link(&stage.console).await.unwrap().unwrap();
    let path = path.expose();
    stage.browser().get(earlier.expose()).await.says(404, &["this link was used, has ended, or never was"]);
    for _ in 0..3 {
        stage.browser().get(path).await.says(200, &["You are the first here"]);
    }
    let fields = |name, password, again| [("name", name), ("display_name", ""), ("password", password), ("again", again)];
    for (fields, told) in [
        (fields("ann", "short", "short"), "shorter than 12 characters"),
        (fields("ann", "long enough but", "not the same"), "The two passwords are not the same"),
        (fields("", PASSWORD, PASSWORD), "The name to sign in with: fill this in"),
        (fields("token nightly", PASSWORD, PASSWORD), "stand for programs in the audit log"),
        (fields("a\u{7}b", PASSWORD, PASSWORD), "one line of plain text"),
    ] {
        stage.browser().post(path, &fields).await.says(422, &[told]);
    }
    let mut browser = stage.browser();
    browser.post(path, &fields("ann", PASSWORD, PASSWORD)).await.leads("/integrations");
    assert!(is_in(&browser).await);
    let ann = stage.member_named("ann").await;
    assert_eq!((ann.access, ann.active), (Access::everywhere(AccessRole::Admin), true));
    stage.browser().get(path).await.says(404, &["this link was used"]);
    stage.browser().post(path, &fields("eve", PASSWORD, PASSWORD)).await.says(404, &["this link was used"]);
    assert!(first_link(&stage.console).await.unwrap().is_none(), "somebody may sign in already");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_who_open_a_link_at_once_one_gets_in() {
    let stage = Stage::empty();
    let path = first_link(&stage.console).await.unwrap().unwrap();
    let tries = (0..6).map(|number| {
        let (mut browser, path) = (stage.browser(), path.expose().to_owned());
        tokio::spawn(async move {
            let name = format!("first{number}");
            browser.post(&path, &[("name", &name), ("password", PASSWORD), ("again", PASSWORD)]).await.status
        })
    });
    let mut statuses = Vec::new();
    for one in tries.collect::<Vec<_>>() {
        statuses.push(one.await.unwrap().as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404, 404, 404, 404, 404]);
    assert_eq!(stage.store.members().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_link_ends_by_itself() {
    let stage = Stage::empty();
    let path = first_link(&stage.console).await.unwrap().unwrap();
    stage.world.hours(u64::try_from(LINK_HOURS).unwrap() - 1);
    stage.browser().get(path.expose()).await.says(200, &[]);
    stage.world.hours(1);
    stage.browser().get(path.expose()).await.says(404, &["this link was used, has ended"]);
    let fields = [("name", "ann"), ("password", PASSWORD), ("again", PASSWORD)];
    stage.browser().post(path.expose(), &fields).await.says(404, &[]);
    assert!(stage.store.members().await.unwrap().is_empty());
}

#[tokio::test]
async fn after_signing_in_nobody_leaves_the_console() {
    let stage = Stage::set().await;
    let mut table = vec![("/audit?actor=ann", "/audit?actor=ann"), ("", "/integrations")];
    table.extend(
        ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/sign-out"]
            .map(|back| (back, "/integrations")),
    );
    for (back, path) in table {
        let answer = stage.browser().post("/sign-in", &[("name", "viewer"), ("password", PASSWORD), ("back", back)]).await;
        answer.leads(path);
    }
    let asked = stage.browser().get("/audit?actor=ann&action=x").await;
    asked.leads("/sign-in?back=%2Faudit%3Factor%3Dann%26action%3Dx");
    let mut browser = stage.browser();
    let form = browser.follow(&asked).await;
    assert_eq!(form.hidden("back").replace("&#38;", "&").replace("&amp;", "&"), "/audit?actor=ann&action=x");
}

#[tokio::test]
async fn guessing_is_slowed_and_says_how_long_to_wait() {
    let stage = Stage::set().await;
    let mut guesses = 0;
    let refused = loop {
        let answer = stage.browser().post("/sign-in", &[("name", "Viewer"), ("password", "a wrong password")]).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        answer.says(401, &["That name and password do not fit together."]);
        guesses += 1;
        assert!(guesses < 20, "guessing is not slowed");
    };
    refused.says(429, &["Too many failed attempts"]);
    let wait: u64 = refused.header(header::RETRY_AFTER).parse().unwrap();
    let right = [("name", "viewer"), ("password", PASSWORD)];
    stage.browser().post("/sign-in", &right).await.says(429, &[]);
    let mut elsewhere = stage.browser();
    elsewhere.from = ([198, 51, 100, 9], 1).into();
    elsewhere.post("/sign-in", &right).await.says(429, &[]);
    stage.browser().post("/sign-in", &[("name", "admin"), ("password", PASSWORD)]).await.leads("/integrations");
    stage.world.clock.advance(Duration::from_secs(wait));
    stage.browser().post("/sign-in", &right).await.leads("/integrations");
}

#[tokio::test]
async fn a_wrong_name_a_wrong_password_and_a_locked_member_are_answered_alike() {
    let stage = Stage::set().await;
    stage.change("manager", |edit| edit.active = false).await;
    let mut told = Vec::new();
    for (name, password) in [("nobody", "a wrong password"), ("viewer", "a wrong password"), ("manager", PASSWORD)] {
        let mut browser = stage.browser();
        let answer = browser.post("/sign-in", &[("name", name), ("password", password)]).await;
        let headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        told.push((answer.status, headers, answer.body.replace(name, "NAME")));
        assert!(!is_in(&browser).await);
    }
    assert_eq!(told[0].0, StatusCode::UNAUTHORIZED);
    assert!(told[0] == told[1] && told[1] == told[2], "{told:#?}");
}

#[tokio::test]
async fn changing_ones_password_takes_the_present_one_and_keeps_the_rules() {
    let stage = Stage::set().await;
    let mut browser = stage.signed_in("viewer").await;
    let other = stage.signed_in("viewer").await;
    let before = browser.cookie.clone();
    let new = "another long password";
    for (present, password, again, told) in [
        ("a wrong password", new, new, "The present password is another one."),
        (PASSWORD, new, "not the same at all", "The two new passwords are not the same."),
        (PASSWORD, "short", "short", "shorter than 12 characters"),
    ] {
        let fields = [("present", present), ("password", password), ("again", again)];
        browser.submit("/settings/password", &fields).await.says(422, &[told]);
    }
    assert!(is_in(&other).await, "a refused change ended a session");
    browser.submit("/settings/password", &[("present", PASSWORD), ("password", new), ("again", new)]).await.leads("/settings");
    browser.get("/settings").await.says(200, &["Your password was changed. Every other session of yours has ended."]);
    assert_ne!(browser.cookie, before, "the session went on under its old id");
    let mut stolen = browser.clone();
    stolen.cookie = before;
    assert!(!is_in(&stolen).await && !is_in(&other).await);
    stage.browser().post("/sign-in", &[("name", "viewer"), ("password", PASSWORD)]).await.says(401, &[]);
    stage.browser().post("/sign-in", &[("name", "viewer"), ("password", new)]).await.leads("/integrations");
    let act = stage.last_act().await;
    assert_eq!(act.action, "session.begin");
    assert!(!String::from_utf8_lossy(&stage.raw()).contains(new));
    assert!(stage.world.clock.now() == act.at);
}

#[tokio::test]
async fn a_taken_over_session_cannot_guess_the_password_either() {
    let stage = Stage::set().await;
    let mut browser = stage.signed_in("viewer").await;
    let fields = [("present", "a wrong password"), ("password", "another long password"), ("again", "another long password")];
    for _ in 0..20 {
        let answer = browser.submit("/settings/password", &fields).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(answer.header(header::RETRY_AFTER).parse::<u64>().unwrap() > 0);
            return;
        }
    }
    panic!("guessing is not slowed");
}

#[tokio::test]
async fn one_may_change_what_others_call_one_and_nothing_else() {
    let stage = Stage::set().await;
    let mut browser = stage.signed_in("viewer").await;
    let fields = [("display_name", "<b>Vera</b>"), ("role", "admin"), ("name", "root"), ("where", "all")];
    browser.submit("/settings/name", &fields).await.leads("/settings");
    let member = stage.member_named("viewer").await;
    assert_eq!((member.display_name.as_str(), member.access), ("<b>Vera</b>", Access::everywhere(AccessRole::Viewer)));
    let page = browser.get("/settings").await;
    page.says(200, &["<b>Vera</b>", "Saved."]);
    assert!(!page.body.contains("<b>Vera"), "a name is not escaped");
    browser.submit("/settings/name", &[("display_name", &"x".repeat(200))]).await.says(422, &["at most 80 characters"]);
    let act = stage.last_act().await;
    assert_eq!((act.action.as_str(), act.actor.as_str()), ("member.change", "viewer"));
}
