#!/usr/bin/env python3
"""A small S3 server in memory for benchmarks: no authentication, and a latency of choice for each answer.

    benches/s3_server.py --port 9000 --latency 20      # milliseconds

Objects, ranges, listings, conditional requests, CopyObject and multipart uploads with UploadPartCopy; parts smaller than
5 MiB are refused as the service refuses them. Not for tests, and not for data that matters.
"""
import argparse
import asyncio
import hashlib
import re
import time
import urllib.parse
from xml.sax.saxutils import escape

OBJECTS = {}  # "bucket/key" -> (bytes, etag, time)
UPLOADS = {}  # id -> {number: (etag, bytes)}
COUNTS = {}
REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 400: "Bad Request", 404: "Not Found",
           412: "Precondition Failed", 416: "Range Not Satisfiable"}


def error(status, code):
    return status, {}, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()


def http_date(when):
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(when))


def store(name, content):
    etag = hashlib.md5(content).hexdigest()
    OBJECTS[name] = (content, etag, time.time())
    return etag


def cut(content, header):
    start, end = header.removeprefix("bytes=").split("-")
    return int(start), min(int(end) if end else len(content) - 1, len(content) - 1)


def listing(bucket, query):
    prefix = bucket + "/" + query.get("prefix", "")
    after = query.get("continuation-token", "")
    most = int(query.get("max-keys", "1000"))
    keys = sorted(name for name in OBJECTS if name.startswith(prefix) and name > after)
    page = keys[:most]
    rows = []
    for name in page:
        content, etag, when = OBJECTS[name]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(when))
        key = escape(name[len(bucket) + 1:])
        rows.append(f"<Contents><Key>{key}</Key><Size>{len(content)}</Size><ETag>&quot;{etag}&quot;</ETag>"
                    f"<LastModified>{stamp}</LastModified></Contents>")
    more = len(keys) > most
    token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
    text = f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{''.join(rows)}</ListBucketResult>"
    return 200, {}, text.encode()


def copy_source(headers):
    name = urllib.parse.unquote(headers["x-amz-copy-source"]).lstrip("/")
    found = OBJECTS.get(name)
    wanted = headers.get("x-amz-copy-source-if-match", "").strip('"')
    if found and wanted and wanted != found[1]:
        return None, error(412, "PreconditionFailed")
    return found, None if found else error(404, "NoSuchKey")


def put(name, query, headers, body):
    if "partNumber" in query:
        parts = UPLOADS.get(query["uploadId"])
        if parts is None:
            return error(404, "NoSuchUpload")
        answer = b""
        if "x-amz-copy-source" in headers:
            found, failed = copy_source(headers)
            if failed:
                return failed
            body = found[0]
            if "x-amz-copy-source-range" in headers:
                start, end = cut(body, headers["x-amz-copy-source-range"])
                body = body[start:end + 1]
        etag = hashlib.md5(body).hexdigest()
        parts[int(query["partNumber"])] = (etag, body)
        if "x-amz-copy-source" in headers:
            answer = f"<CopyPartResult><ETag>&quot;{etag}&quot;</ETag></CopyPartResult>".encode()
        return 200, {"ETag": f'"{etag}"'}, answer
    if headers.get("if-none-match") == "*" and name in OBJECTS:
        return error(412, "PreconditionFailed")
    if "x-amz-copy-source" in headers:
        found, failed = copy_source(headers)
        if failed:
            return failed
        etag = store(name, found[0])
        return 200, {}, f"<CopyObjectResult><ETag>&quot;{etag}&quot;</ETag></CopyObjectResult>".encode()
    return 200, {"ETag": f'"{store(name, body)}"'}, b""


def post(name, query, body):
    if "uploads" in query:
        upload = str(len(COUNTS)) + "-" + str(time.time_ns())
        UPLOADS[upload] = {}
        return 200, {}, (f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId>"
                         "</InitiateMultipartUploadResult>").encode()
    parts = UPLOADS.pop(query["uploadId"], None)
    if parts is None:
        return error(404, "NoSuchUpload")
    numbers = [int(number) for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", body)]
    if any(len(parts[number][1]) < 5 << 20 for number in numbers[:-1]):
        return error(400, "EntityTooSmall")
    etag = store(name, b"".join(parts[number][1] for number in numbers))
    return 200, {}, (f"<CompleteMultipartUploadResult><ETag>&quot;{etag}-{len(numbers)}&quot;</ETag>"
                     "</CompleteMultipartUploadResult>").encode()


def get(name, headers, method):
    found = OBJECTS.get(name)
    if not found:
        return error(404, "NoSuchKey")
    content, etag, when = found
    if headers.get("if-match", "").strip('"') not in ("", etag):
        return error(412, "PreconditionFailed")
    fields = {"ETag": f'"{etag}"', "Last-Modified": http_date(when)}
    if method == "GET" and "range" in headers:
        start, end = cut(content, headers["range"])
        if start >= len(content):
            return error(416, "InvalidRange")
        fields["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        return 206, fields, content[start:end + 1]
    return 200, fields, content


def answer(method, target, headers, body):
    path, _, text = target.partition("?")
    query = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
    name = urllib.parse.unquote(path).lstrip("/")
    COUNTS[method] = COUNTS.get(method, 0) + 1
    bucket, _, key = name.partition("/")
    if method == "GET" and not key:
        return listing(bucket, query)
    if method in ("GET", "HEAD"):
        return get(name, headers, method)
    if method == "PUT":
        return put(name, query, headers, body)
    if method == "POST":
        return post(name, query, body)
    if method == "DELETE":
        UPLOADS.pop(query.get("uploadId"), None)
        OBJECTS.pop(name, None)
        return 204, {}, b""
    return error(400, "MethodNotAllowed")


async def serve(reader, writer, latency):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {}
            for line in head[1:]:
                field, _, value = line.partition(":")
                headers[field.strip().lower()] = value.strip()
            if headers.get("expect", "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if latency:
                await asyncio.sleep(latency)
            status, fields, content = answer(method, target, headers, body)
            fields["Content-Length"] = str(len(content)) if status != 204 else "0"
            lines = [f"HTTP/1.1 {status} {REASONS[status]}"] + [f"{field}: {value}" for field, value in fields.items()]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            if method != "HEAD":
                writer.write(content)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--latency", type=float, default=0, help="milliseconds before each answer")
    options = parser.parse_args()
    latency = options.latency / 1000
    server = await asyncio.start_server(lambda r, w: serve(r, w, latency), "127.0.0.1", options.port, limit=1 << 24)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
