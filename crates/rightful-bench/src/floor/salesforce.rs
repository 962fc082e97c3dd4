//! Calls to Salesforce as the floors make them.

use std::borrow::Cow;

use serde::Deserialize;

/// One page of a query.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<'a> {
    pub total_size: usize,
    #[serde(borrow)]
    pub next_records_url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub records: Vec<Row<'a>>,
}

/// One row: of what was not selected there is nothing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Row<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(borrow)]
    pub system_modstamp: Cow<'a, str>,
    #[serde(borrow)]
    pub owner_id: Cow<'a, str>,
    #[serde(borrow)]
    pub account_number: Cow<'a, str>,
    #[serde(borrow)]
    pub r#type: Cow<'a, str>,
    #[serde(borrow)]
    pub username: Cow<'a, str>,
    #[serde(borrow)]
    pub email: Cow<'a, str>,
    pub is_active: bool,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    instance_url: String,
}

/// One organisation after the sign-in.
pub struct Organisation {
    client: reqwest::Client,
    base: String,
    token: String,
}

fn failed(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Organisation {
    /// Signs in by client credentials.
    pub async fn sign_in(client: reqwest::Client, origin: &str) -> Result<Self, String> {
        let form = "grant_type=client_credentials&client_id=bench&client_secret=bench";
        let sent = client.post(format!("{origin}/services/oauth2/token")).header("content-type", "application/x-www-form-urlencoded");
        let body = sent.body(form).send().await.map_err(failed)?.bytes().await.map_err(failed)?;
        let token: Token = serde_json::from_slice(&body).map_err(failed)?;
        Ok(Self { client, base: format!("{}/services/data/v62.0", token.instance_url), token: token.access_token })
    }

    /// Sends one call and gives back its answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, String> {
        let answer = request.bearer_auth(&self.token).send().await.map_err(failed)?;
        answer.error_for_status().map_err(failed)
    }

    /// A call below the base address.
    pub fn request(&self, method: reqwest::Method, path: &str, parameters: &[(&str, &str)]) -> Result<reqwest::RequestBuilder, String> {
        let url = reqwest::Url::parse_with_params(&format!("{}/{path}", self.base), parameters).map_err(failed)?;
        Ok(self.client.request(method, url))
    }

    /// The body of a GET.
    pub async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<bytes::Bytes, String> {
        let answer = self.send(self.request(reqwest::Method::GET, path, parameters)?).await?;
        answer.bytes().await.map_err(failed)
    }

    /// The first page of a query.
    pub async fn query(&self, resource: &str, soql: &str) -> Result<bytes::Bytes, String> {
        self.get(resource, &[("q", soql)]).await
    }

    /// A body of JSON sent, and the answer's.
    pub async fn send_json(&self, method: reqwest::Method, path: &str, body: &serde_json::Value) -> Result<bytes::Bytes, String> {
        let request = self.request(method, path, &[])?.header("content-type", "application/json").body(body.to_string());
        self.send(request).await?.bytes().await.map_err(failed)
    }
}

/// Reads a page of JSON without copying what can be borrowed.
pub fn page(body: &[u8]) -> Result<Page<'_>, String> {
    serde_json::from_slice(body).map_err(failed)
}
