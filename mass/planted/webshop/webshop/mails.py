"""Mails to customers."""

import smtplib
from email.message import EmailMessage


def confirm(server, address, number):
    mail = EmailMessage()
    mail["From"] = "shop@example.org"
    mail["To"] = address
    mail["Subject"] = f"Your order {number}"
    mail.set_content("Thank you for your order.")
    try:
        with smtplib.SMTP(*server, timeout=3) as smtp:
            smtp.send_message(mail)
    except Exception:
        pass
