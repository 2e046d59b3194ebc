//! The least HTTP/1.1 client that keeps a connection: what it costs is not the server's.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Connection {
    stream: TcpStream,
    host: String,
    held: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host: address.to_owned(), held: Vec::new() })
    }

    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        self.ask_raw(format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host).as_bytes()).await
    }

    pub async fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> Result<Answer> {
        let head = format!("POST {path} HTTP/1.1\r\nhost: {}\r\n{headers}content-length: {}\r\n\r\n", self.host, body.len());
        self.ask_raw(&[head.as_bytes(), body].concat()).await
    }

    pub async fn ask_raw(&mut self, request: &[u8]) -> Result<Answer> {
        // A large body is sent while the answer is read, since the server answers line by line.
        let (mut from, mut to) = self.stream.split();
        let send = async { to.write_all(request).await.context("send") };
        let receive = receive(&mut from, &mut self.held);
        let ((), answer) = tokio::try_join!(send, receive)?;
        Ok(answer)
    }
}

async fn receive(from: &mut (impl AsyncReadExt + Unpin), held: &mut Vec<u8>) -> Result<Answer> {
    let head_end = loop {
        if let Some(at) = held.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        more(from, held).await?;
    };
    let head = String::from_utf8_lossy(&held[..head_end]).to_ascii_lowercase();
    held.drain(..head_end);
    let status = head.get(9..12).and_then(|s| s.parse().ok()).context("no status")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let body = match length {
        Some(length) => take(from, held, length).await?,
        None if head.contains("transfer-encoding: chunked") => chunked(from, held).await?,
        None => Vec::new(),
    };
    Ok(Answer { status, body })
}

async fn chunked(from: &mut (impl AsyncReadExt + Unpin), held: &mut Vec<u8>) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = loop {
            if let Some(at) = held.windows(2).position(|w| w == b"\r\n") {
                break at;
            }
            more(from, held).await?;
        };
        let size = usize::from_str_radix(std::str::from_utf8(&held[..line_end])?.trim(), 16)?;
        held.drain(..line_end + 2);
        let chunk = take(from, held, size + 2).await?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

async fn take(from: &mut (impl AsyncReadExt + Unpin), held: &mut Vec<u8>, length: usize) -> Result<Vec<u8>> {
    while held.len() < length {
        more(from, held).await?;
    }
    Ok(held.drain(..length).collect())
}

async fn more(from: &mut (impl AsyncReadExt + Unpin), held: &mut Vec<u8>) -> Result<()> {
    held.reserve(64 * 1024);
    if from.read_buf(held).await? == 0 {
        bail!("the connection was closed");
    }
    Ok(())
}
