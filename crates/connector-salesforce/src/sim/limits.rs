//! What is left of the organisation's allowances: <https://developer.salesforce.com/docs/platform/api-rest/guide/resources-limits.html>.

use rightful_sim::{HeaderName, HeaderValue, SimResponse};
use serde_json::{Value, json};

use super::state::State;

const LIMIT_INFO: HeaderName = HeaderName::from_static("sforce-limit-info");

/// `limits`.
pub(super) fn answer(state: &State) -> SimResponse {
    let (used, most) = state.usage();
    let jobs = u64::try_from(state.jobs.len()).unwrap_or(u64::MAX);
    let left = |most: u64, used: u64| json!({"Max": most, "Remaining": most.saturating_sub(used)});
    let answer: Value = json!({
        "DailyApiRequests": left(most, used), "DailyAsyncApexExecutions": left(250_000, 0), "DailyBulkApiBatches": left(15_000, 0),
        "DailyBulkV2QueryJobs": left(10_000, jobs), "DailyBulkV2QueryFileStorageMB": left(976_562, 0),
        "DailyDurableStreamingApiEvents": left(200_000, 0), "DailyDurableGenericStreamingApiEvents": left(10_000, 0),
        "DailyStreamingApiEvents": left(200_000, 0), "DailyWorkflowEmails": left(1_000, 0), "DataStorageMB": left(10_240, 12),
        "DurableStreamingApiConcurrentClients": left(1_000, 0), "FileStorageMB": left(10_240, 1), "HourlyODataCallout": left(20_000, 0),
        "SingleEmail": left(5_000, 0), "StreamingApiConcurrentClients": left(1_000, 0),
    });
    SimResponse::json(200, &answer)
}

/// The answer with the header that tells the calls used.
pub(super) fn told(state: &State, answer: SimResponse) -> SimResponse {
    let (used, most) = state.usage();
    let mut text = format!("api-usage={used}/{most}");
    if state.switches.per_app_usage {
        text.push_str(&format!("; per-app-api-usage={used}/{most}(appName=sample-app)"));
    }
    match HeaderValue::try_from(text) {
        Ok(value) => answer.with_header(LIMIT_INFO, value),
        Err(_) => answer,
    }
}
