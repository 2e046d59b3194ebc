//! A server that answers each request with the next of its answers, and remembers what it was asked.

use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use sterna_client::{Client, Options};
use sterna_env::Env;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What is written, and whether the connection is then closed.
#[derive(Clone)]
pub struct Answer(pub String, pub bool);

#[derive(Clone)]
pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone, Debug)]
pub struct Asked {
    pub head: String,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    }
}

impl Server {
    /// After its last answer, it closes every connection.
    pub async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        let answers = Arc::new(Mutex::new(answers));
        let server = Self { url, asked: asked.clone() };
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer(socket, asked.clone(), answers.clone()));
            }
        });
        server
    }

    /// Nobody listens there.
    pub fn gone() -> Self {
        Self { url: "http://127.0.0.1:1".to_owned(), asked: Arc::default() }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }
}

async fn answer(socket: TcpStream, asked: Arc<Mutex<Vec<Asked>>>, answers: Arc<Mutex<Vec<Answer>>>) {
    let mut socket = BufReader::new(socket);
    while let Some(request) = read(&mut socket).await {
        asked.lock().push(request);
        let Some(Answer(text, close)) = answers.lock().pop() else { return };
        if socket.get_mut().write_all(text.as_bytes()).await.is_err() || close {
            return;
        }
    }
}

async fn read(socket: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if socket.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let head = head.replace("\r\n", "\n");
    let length = Asked { head: head.clone(), body: String::new() }.header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    Some(Asked { head, body: String::from_utf8(body).ok()? })
}

pub fn ok(headers: &str, body: &str) -> Answer {
    Answer(format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()), false)
}

pub fn accepted(event: &str) -> Answer {
    ok("sterna-token: t-1\r\netag: \"e\"\r\n", &format!(r#"{{"type":"cart","id":"c","event":"{event}"}}"#))
}

pub fn problem(status: u16, code: &str, retry: &str, headers: &str) -> Answer {
    let body = format!(
        r#"{{"type":"/problems/{code}","title":"t","status":{status},"detail":"d","code":"{code}","request_id":"r","retry":"{retry}"}}"#
    );
    Answer(
        format!("HTTP/1.1 {status} X\r\n{headers}content-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
        false,
    )
}

pub fn client(urls: &[&Server]) -> Client {
    let urls: Vec<_> = urls.iter().map(|server| server.url.clone()).collect();
    let backoff = (Duration::from_millis(1), Duration::from_millis(20));
    let options = Options {
        backoff_first: backoff.0,
        backoff_most: backoff.1,
        timeout: Duration::from_secs(5),
        attempts_max: 4,
        ..Options::new(urls)
    };
    Client::new(Env::real(), options).expect("the urls are valid")
}
