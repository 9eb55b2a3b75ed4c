"""Mails, over SMTP."""

import smtplib
import threading


class Mailer:
    def __init__(self, host, port):
        self.host = host
        self.port = port
        self.lock = threading.Lock()
        self.sent = 0

    def send(self, to, text):
        smtp = smtplib.SMTP(self.host, self.port)
        smtp.sendmail("postman@example.org", [to], f"Subject: News\n\n{text}\n")
        smtp.quit()

    def send_counted(self, to, text):
        self.lock.acquire()
        self.send(to, text)
        self.sent += 1
        self.lock.release()

    def send_soon(self, to, text):
        """Send in the background."""
        thread = threading.Thread(target=self.send, args=(to, text))
        thread.start()
        return thread
