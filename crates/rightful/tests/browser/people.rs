//! Walks through the pages of people and activities, against the stand-ins of a CRM and of a product that gives nothing back.

use rightful_engine::AccessRole;
use serde_json::{Value as Json, json};

use crate::client::{Client, PASSWORD, member};
use crate::driver::{Browser, Driver, needs};
use crate::stage::Demo;

const BASE: &str = "/integrations/activity";

/// Users of the CRM who own something to sell, with how much of it: id and e-mail address, those with the most first.
async fn sellers(demo: &Demo) -> Vec<(String, String)> {
    let dump = demo.dump("salesforce").await;
    let text = |row: &Json, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let orders = dump["objects"]["Opportunity"].as_array().expect("opportunities").clone();
    let users = dump["objects"]["User"].as_array().expect("users");
    let mut sellers: Vec<(usize, String, String)> = users
        .iter()
        .filter(|user| user["IsActive"] == true)
        .map(|user| (orders.iter().filter(|order| order["OwnerId"] == user["Id"]).count(), text(user, "Id"), text(user, "Email")))
        .filter(|(count, ..)| *count > 0)
        .collect();
    sellers.sort_by(|one, other| other.cmp(one));
    sellers.into_iter().map(|(_, id, email)| (id, email.to_lowercase())).collect()
}

/// Ids of the CRM's users as the product knows them.
async fn mapped(demo: &Demo) -> Vec<String> {
    let dump = demo.dump("salesscreen").await;
    dump["mappings"].as_array().expect("mappings").iter().map(|mapping| mapping["id"].as_str().unwrap().to_owned()).collect()
}

/// The team that the product has somebody of the CRM on.
async fn team(demo: &Demo, id: &str) -> Json {
    let dump = demo.dump("salesscreen").await;
    let rows = |table: &str| dump[table].as_array().expect("a table").clone();
    let mapping = rows("mappings").into_iter().find(|mapping| mapping["id"] == id).expect("somebody who is mapped");
    rows("users").into_iter().find(|user| user["number"] == mapping["user"]).expect("a user")["team"].clone()
}

async fn records(demo: &Demo) -> usize {
    demo.dump("salesscreen").await["records"].as_array().map_or(0, Vec::len)
}

/// Presses and waits for the run to end well.
async fn run(browser: &Browser, button: &str) {
    browser.press(button).await;
    browser.sees("What it was").await;
    browser.sees("took ").await;
}

/// Types why automatic accounts are switched: the page has another form that asks for a reason.
async fn reason(browser: &Browser, text: &str) {
    browser.element("[aria-labelledby=automatic] [name=reason]").await.send_keys(text).await.unwrap();
}

/// Chooses in a review: `create`, `map`, `skip` or `leave`.
async fn choose(browser: &Browser, number: usize, choice: &str) {
    browser.element(&format!("[name=\"choice.{number}\"] option[value={choice}]")).await.click().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ss_3_ss_5_ss_9_ss_17_users_are_picked_reviewed_created_mapped_and_skipped_and_a_hold_goes_out() {
    let Some(needs) = needs() else { return };
    let (driver, demo) = (Driver::start(needs), Demo::crediting(21, "on-demand"));
    member(&demo, "ida", AccessRole::Integrator, None).await;
    let ida = driver.browser(&demo.console).await;
    ida.sign_in("ida", PASSWORD).await;
    ida.sees("Gives users accounts, and credits activities to them.").await;
    ida.look("activity-integrations").await;
    ida.go(&format!("{BASE}/users")).await;
    ida.sees("The users were never read").await;
    ida.look("users-empty").await;
    ida.go(BASE).await;
    run(&ida, "Run now").await;
    assert_eq!(mapped(&demo).await, Vec::<String>::new(), "on demand nobody gets an account by itself");
    let sellers = sellers(&demo).await;
    let [(one, one_email), (two, two_email), (three, _), ..] = sellers.as_slice() else { panic!("too few sellers: {sellers:?}") };

    // An administrator's file says who is there already.
    ida.go(&format!("{BASE}/accounts/import")).await;
    let file = format!("email,first_name,last_name,team_key\n{two_email},Two,There,OSLO-FIELD\n,No,Address,\n");
    ida.script("document.querySelector('[name=text]').value = arguments[0]", vec![json!(file)]).await;
    ida.press("Check rows").await;
    ida.sees("1 good, 1 bad; 1 differ").await;
    ida.look("accounts-import").await;
    ida.script(
        "document.querySelector('[name=text]').value = arguments[0]",
        vec![json!(file.lines().take(2).collect::<Vec<_>>().join("\n"))],
    )
    .await;
    ida.press("Check rows").await;
    ida.fill("reason", "the export of Monday").await;
    ida.press("Take these rows").await;
    ida.sees("Took 1 row").await;
    ida.look("accounts").await;

    // SS-5: all on this page is this page.
    ida.go(&format!("{BASE}/users?only=unlinked")).await;
    ida.look("users").await;
    ida.press("Select all on this page").await;
    let ticked = ida.script("return document.querySelectorAll('[name=tick]:checked').length", vec![]).await;
    assert!(ticked.as_u64().is_some_and(|ticked| ticked > 3), "{ticked}");
    ida.press("Select nobody").await;
    for id in [one, two, three] {
        let tick = ida.element(&format!("[name=tick][value=\"{id}\"]")).await;
        tick.scroll_into_view().await.unwrap();
        tick.click().await.unwrap();
    }
    ida.press("Create accounts…").await;
    ida.sees("Review before saving").await;
    ida.sees("creates an account").await;
    ida.sees("because the e-mail address is the same").await;
    let at = |id: &String| {
        let (ida, id) = (&ida, id.clone());
        async move {
            let script = "return [...document.querySelectorAll('[name^=\"person.\"]')].findIndex(one => one.value === arguments[0])";
            usize::try_from(ida.script(script, vec![json!(id)]).await.as_u64().expect("the row")).unwrap()
        }
    };
    let (second, third) = (at(two).await, at(three).await);
    choose(&ida, second, "map").await;
    ida.fill(&format!("user.{second}"), two_email).await;
    choose(&ida, third, "skip").await;
    ida.press("Review again").await;
    ida.sees("links them to").await;
    ida.sees("makes nothing for them").await;
    ida.look("users-review").await;
    ida.press("Save").await;
    ida.sees("Say why, in a few words").await;
    ida.fill("reason", "the new team").await;
    ida.press("Save").await;
    ida.sees("1 person gets an account, 1 person is skipped, 1 person was linked").await;
    assert_eq!(mapped(&demo).await, Vec::<String>::new(), "saving alone sends nothing");
    ida.look("users-picked").await;
    run(&ida, "Run now").await;
    ida.sees("new account").await;
    ida.look("activity-run").await;
    let known = mapped(&demo).await;
    assert!(known.contains(one) && !known.contains(three), "who was picked got an account, who was skipped none: {known:?}");

    // SS-9: what they sold waits until they are on a team.
    let before = records(&demo).await;
    ida.go(&format!("{BASE}/holds?reason=no-team")).await;
    ida.sees("on no team").await;
    ida.look("holds").await;
    ida.go(&format!("{BASE}/accounts/{one}")).await;
    ida.sees(one_email).await;
    ida.fill("team", "BERGEN-FIELD").await;
    ida.fill("reason", "placed in the product").await;
    ida.press("State the team").await;
    ida.sees("is on team BERGEN-FIELD").await;
    ida.look("account-team").await;
    ida.go(&format!("{BASE}/holds")).await;
    run(&ida, "Try now").await;
    ida.sees("credited").await;
    assert!(records(&demo).await > before, "what waited went out");
    let held = Client::signed_in(&demo, "ida").await.get(&format!("{BASE}/holds?reason=no-team")).await;
    assert!(held.body.contains("Nothing waits"), "{}", held.body);
    ida.go(&format!("{BASE}/accounts/{one}")).await;
    ida.sees("Keys that may be sent: BERGEN-FIELD, OSLO-FIELD").await;
    ida.fill("team", "OSLO-FIELD").await;
    ida.fill("reason", "moves to Oslo").await;
    run(&ida, "Put on the team").await;
    assert_eq!(team(&demo, one).await, "OSLO-FIELD", "what was stated was sent to nobody, what was sent is there");
    ida.go(&format!("{BASE}/links")).await;
    ida.sees("we made the account for this person").await;
    ida.sees("a person said so").await;
    ida.look("links").await;
    ida.go(&format!("{BASE}/workflows")).await;
    ida.sees("StageName is “Prospecting”").await;
    ida.look("workflows").await;
    ida.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ss_6_ss_10_ss_11_automatic_accounts_are_turned_off_by_who_may_and_seen_by_everybody() {
    let Some(needs) = needs() else { return };
    let (driver, demo) = (Driver::start(needs), Demo::crediting(22, "automatic"));
    member(&demo, "ida", AccessRole::Integrator, None).await;
    member(&demo, "mia", AccessRole::AccountManager, None).await;
    let (ida, mia) = (driver.browser(&demo.console).await, driver.browser(&demo.console).await);
    mia.sign_in("mia", PASSWORD).await;
    mia.go(BASE).await;
    mia.sees("You cannot change this").await;
    mia.look("activity-read-only").await;
    mia.close().await;
    let by_hand = Client::signed_in(&demo, "mia").await.submit(&format!("{BASE}/automatic"), &[("on", "no"), ("reason", "by hand")]).await;
    assert_eq!(by_hand.status.as_u16(), 403, "{}", by_hand.body);
    ida.sign_in("ida", PASSWORD).await;
    ida.go(BASE).await;
    ida.look("activity").await;
    reason(&ida, "the licences are used up").await;
    ida.press("Turn automatic accounts off").await;
    ida.sees("No account is made by itself any more").await;
    ida.look("activity-off").await;
    run(&ida, "Run now").await;
    assert_eq!(mapped(&demo).await, Vec::<String>::new());
    ida.go(BASE).await;
    reason(&ida, "new licences").await;
    ida.press("Turn automatic accounts on").await;
    ida.sees("from the next run on").await;
    run(&ida, "Run now").await;
    assert!(!mapped(&demo).await.is_empty(), "owners of orders have accounts now");
    ida.dark().await;
    for (name, page) in [("activity", ""), ("users", "/users"), ("holds", "/holds"), ("workflows", "/workflows"), ("links", "/links")] {
        ida.go(&format!("{BASE}{page}")).await;
        ida.look(&format!("dark-{name}")).await;
    }
    ida.close().await;
}
